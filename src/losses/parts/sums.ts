import type { Tensor } from '../../tensor.ts'

/** The sum of several tensors of one shape; there must be at least one. */
export const sumOf = (terms: readonly Tensor[]): Tensor => terms.reduce((sum, term) => sum.add(term))
