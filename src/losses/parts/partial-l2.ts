import { where } from '../../ops/elementwise.ts'
import { erfcx } from '../../ops/special.ts'
import type { Tensor } from '../../tensor.ts'

/**
 * E[x | x < 0] of a normal distribution, per channel [C]: the mean m of what batch normalisation with this weight and bias
 * gives below 0. As published, three deviations below 0 where not even a share of 0.001 lies there.
 *
 *     m = b - |w| φ(b / |w|) / Φ(-b / |w|),   and b itself where the weight is 0 and b negative
 */
export function negativeMean({ weight, bias }: { readonly weight: Tensor; readonly bias: Tensor }): Tensor {
  const deviation = weight.abs()
  const rare = bias.ge(deviation.mul(RARE))
  // Ten deviations below 0 nothing is cut off that float64 could tell; there the ratio may be infinite.
  const ratio = bias.div(where(deviation.eq(0), 1, deviation)).clamp(-10, RARE)
  return where(rare, deviation.mul(-3), bias.sub(deviation.mul(hazard(ratio))))
}

/** Where a share of 0.001 of the normal distribution lies above. */
const RARE = 3.090232306167813

/** φ(r) / Φ(-r): the exponential that both share is gone. */
const hazard = (r: Tensor): Tensor =>
  erfcx(r.mul(Math.SQRT1_2))
    .reciprocal()
    .mul(Math.sqrt(2 / Math.PI))

/**
 * Sum over all elements of (s - t')², t' = max(t, m), but 0 where s ≤ t' and the teacher is not active (t ≤ 0): there the
 * student is negative enough. Maps [N, C, H, W] from before the activation, m [C].
 */
export function partialL2(student: Tensor, teacher: Tensor, margin: Tensor): Tensor {
  const target = teacher.maximum(margin.reshape([1, -1, 1, 1]))
  const difference = student.sub(target)
  return where(teacher.gt(0), difference, difference.relu()).square().sum()
}
