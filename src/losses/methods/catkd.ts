import { ShapeError, showAll } from '../../errors.ts'
import { where } from '../../ops/elementwise.ts'
import { mseLoss } from '../../ops/regression-loss.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { count, flag } from '../parameters.ts'
import { resized } from '../parts/maps.ts'
import { unit } from '../parts/unit.ts'

/**
 * Class attention transfer. Guo, Yan, Li, Lin: Class Attention Transfer Based Knowledge Distillation, CVPR 2023,
 * arXiv:2304.12777.
 *
 *     CAT-KD = mean over all elements of ( Q(A_s) - Q(A_t) )²
 *     Q(A) = A averaged down to resolution x resolution, each class's map of length 1
 *
 * A [N, classes, H, W] are class activation maps, whose means over positions are the logits. A map smaller than the
 * resolution stays as it is, and the other network's is averaged down to it. `binarize` makes the teacher's maps 1 where
 * they are above their mean absolute value and 0 elsewhere. A map that is 0 up to rounding once it is averaged counts as 0
 * and, unlike in the published code, gets no gradient.
 */
export const catkd = defineLoss(
  'catkd',
  {
    title: 'Class attention transfer',
    paper:
      'Guo, Yan, Li, Lin: Class Attention Transfer Based Knowledge Distillation, CVPR 2023, arXiv:2304.12777',
    formula: 'mean((Q(A_s) - Q(A_t))²), Q: class activation maps averaged to 2x2, each of length 1',
    variant: "the authors' code, all classes; its weight goes from 0.7 to 600 by pair",
    defaults: {
      resolution: count(2, "the authors' code, CIFAR-100 (4 for ShuffleNet)"),
      normalize: flag(true, "the authors' code"),
      binarize: flag(false, "the authors' code"),
    },
    needs: ['classMaps'],
    mix: { weight: 15, ce: 1 },
  },
  ({ classMaps: { student, teacher } }, params) => {
    const [height, width] = [2, 3].map((d) =>
      Math.min(params.resolution, student.shape[d]!, teacher.shape[d]!),
    ) as [number, number]
    if (params.normalize && height * width === 1)
      throw new ShapeError(
        `catkd: a map of one position has no attention to transfer, got ${showAll([student.shape, teacher.shape])} at resolution ${params.resolution}. Use larger maps, or set normalize to false.`,
      )
    const attention = (maps: Tensor): Tensor => {
      const averaged = resized(maps, height, width).flatten(2)
      if (!params.normalize) return averaged
      const size = resized(maps.abs(), height, width).flatten(2)
      const counts = averaged.norm(2, 2, true).gt(size.norm(2, 2, true).mul(ROUNDING))
      return unit(where(counts, averaged, 0), 2)
    }
    return mseLoss(attention(student), attention(params.binarize ? binary(teacher) : teacher))
  },
)

/** Of a mean absolute value: what is left of it where float32 should have given 0. */
const ROUNDING = 1e-6

/** 1 where a map is above its mean absolute value: nowhere in a map that does not vary. */
function binary(maps: Tensor): Tensor {
  const size = maps.abs().mean([2, 3], true)
  return maps.sub(size).gt(size.mul(ROUNDING)).toFloat()
}
