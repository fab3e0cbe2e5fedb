import { where } from '../../ops/elementwise.ts'
import type { Tensor } from '../../tensor.ts'

/** Vectors shorter than this keep being shorter: their directions would have gradients of 1 / length. */
const SHORTEST = 1e-5

/** A tensor in units of its largest |entry|, in which no square or product leaves float32. */
export interface Scaled {
  readonly x: Tensor
  /** The unit, without gradient: what does not see scale does not see it either. 1 where all entries are 0. */
  readonly unit: Tensor
  /** `SHORTEST` in that unit. */
  readonly shortest: Tensor
}

/** x counted in the largest |entry| along `dims`, for each of the others. */
export function scaled(x: Tensor, dims: number | readonly number[]): Scaled {
  const largest = x.detach().abs().amax(dims, true)
  const unit = where(largest.eq(0), 1, largest)
  return { x: x.div(unit), unit, shortest: unit.reciprocal().mul(SHORTEST) }
}

/**
 * The vectors of x along `dim` divided by their length, or by `shortest` where they are shorter, so that gradients stay
 * within 1 / shortest. A vector of zeros stays so and gets no gradient.
 */
export function shortened(x: Tensor, dim: number, shortest: Tensor): Tensor {
  const length = x.norm(2, dim, true)
  return where(length.eq(0), 0, x).div(length.maximum(shortest))
}

/** Vectors of length 1 along `dim`; those shorter than 1e-5 become shorter ones, see `shortened`. */
export function unit(vectors: Tensor, dim = 1): Tensor {
  const { x, shortest } = scaled(vectors, dim)
  return shortened(x, dim, shortest)
}
