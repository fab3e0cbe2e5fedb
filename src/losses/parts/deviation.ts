import type { Tensor } from '../../tensor.ts'

/**
 * What the entries of x [N, C] deviate from their mean along `dim`. Counted from the first entry, so that equal ones
 * deviate by exactly 0 however their mean is rounded.
 */
export function deviations(x: Tensor, dim: 0 | 1): Tensor {
  const first = x.detach().slice(dim === 0 ? [[0, 1]] : [null, [0, 1]])
  const offset = x.sub(first)
  return offset.sub(offset.mean(dim, true))
}
