import { adaptiveAvgPool2d } from '../../ops/adaptive-pool.ts'
import { mseLoss } from '../../ops/regression-loss.ts'
import type { Tensor } from '../../tensor.ts'

/** Heights and widths of the pyramid. */
const LEVELS = [4, 2, 1] as const

/**
 * The hierarchical context loss of ReviewKD for two maps [N, C, H, W] of one shape: their mean squared difference, and
 * that of their averages over 4 x 4, 2 x 2 and 1 x 1 windows where the maps are larger, each counting half of the one
 * before; divided by the sum of these weights.
 */
export function hcl(student: Tensor, teacher: Tensor): Tensor {
  const smallest = Math.min(student.shape[2]!, student.shape[3]!)
  let loss = mseLoss(student, teacher)
  let [weight, total] = [1, 1]
  for (const level of LEVELS.filter((size) => size < smallest)) {
    weight /= 2
    total += weight
    const pooled = mseLoss(adaptiveAvgPool2d(student, level), adaptiveAvgPool2d(teacher, level))
    loss = loss.add(pooled.mul(weight))
  }
  return loss.div(total)
}
