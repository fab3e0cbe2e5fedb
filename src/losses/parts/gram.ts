import type { Tensor } from '../../tensor.ts'
import { scaled, shortened } from './unit.ts'

/**
 * Inner products of the rows of [..., M, D] with each other, every row of the products of length 1: [..., M, M]. A zero
 * row stays zero and gets no gradient; next to larger ones a row shorter than 1e-5 stays shorter than 1.
 */
export function gramOfLengthOne(rows: Tensor): Tensor {
  const { x, shortest } = scaled(rows, [-2, -1])
  return shortened(gram(x), -1, shortest)
}

/** Inner products of the rows of [..., M, D] with each other: [..., M, M]. */
export const gram = (rows: Tensor): Tensor => rows.matmul(rows.transpose())
