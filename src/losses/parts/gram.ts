import { normalize } from '../../ops/distance.ts'
import type { Tensor } from '../../tensor.ts'

/**
 * Inner products of the rows of [..., M, D] with each other, every row of the products of length 1: [..., M, M]. A zero
 * row stays zero and gets no gradient.
 */
export const gramOfLengthOne = (rows: Tensor): Tensor => normalize(gram(rows), { dim: -1 })

/** Inner products of the rows of [..., M, D] with each other: [..., M, M]. */
export const gram = (rows: Tensor): Tensor => rows.matmul(rows.transpose())
