import { ShapeError, showAll, ValueError } from '../../errors.ts'
import { where } from '../../ops/elementwise.ts'
import { cat } from '../../ops/indexing.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { nonNegative, positive, text } from '../parameters.ts'
import { classOf } from '../parts/labels.ts'
import { resized } from '../parts/maps.ts'
import { temperedDivergences } from '../parts/row-divergence.ts'

/**
 * Scaled decoupled distillation, with KD. Wei, Luo, Luo: Scaled Decoupled Distillation, CVPR 2024, arXiv:2403.13512.
 *
 *     SDD = T² · mean over samples and regions r of w_r KL(softmax(t_r / T) ‖ softmax(s_r / T))
 *
 * The regions are the cells of a grid of m x m for each m of `scales`, m = 1 being the whole image; t_r and s_r are the
 * means of the class activation maps [N, classes, H, W] over them, that is what the classifier says of the region. A
 * region counts `complementary` times where the teacher is right in it and wrong of the whole image, or the other way
 * round, and once where both are the same.
 *
 * Everything stays in log space; the published code puts 0 in place of what became NaN.
 */
export const sdd = defineLoss(
  'sdd',
  {
    title: 'Scaled decoupled distillation, with KD',
    paper: 'Wei, Luo, Luo: Scaled Decoupled Distillation, CVPR 2024, arXiv:2403.13512',
    formula: 'T² mean over samples and regions of w KL(softmax(t_r / T) || softmax(s_r / T))',
    variant: "the authors' SDD-KD, in log space: no NaN that has to be put to 0",
    defaults: {
      temperature: positive(4, "the authors' code, CIFAR-100"),
      scales: text('1,2,4', "the authors' code, CIFAR-100 (1,2 for some pairs)"),
      complementary: nonNegative(2, "the authors' code"),
    },
    needs: ['labels', 'classMaps'],
    mix: { weight: 0.9, ce: 0.1 },
  },
  ({ classMaps, labels }, { temperature: T, scales, complementary }) => {
    const grids = gridsOf(scales)
    checkGrids(classMaps, grids)
    const [s, t] = [classMaps.student, classMaps.teacher].map((maps) =>
      cat(
        grids.map((m) => resized(maps, m, m).flatten(2)),
        2,
      ),
    ) as [Tensor, Tensor]
    const label = classOf(labels).toFloat().unsqueeze(1)
    const rightHere = t.argmax(1).toFloat().eq(label).toFloat()
    const rightAtAll = classMaps.teacher.mean([2, 3]).argmax(1, true).toFloat().eq(label).toFloat()
    const weights = where(rightHere.eq(rightAtAll), 1, complementary)
    return temperedDivergences(t, s, T)
      .mul(weights)
      .mean()
      .mul(T * T)
  },
)

/** The numbers in a text such as `1,2,4`. */
function gridsOf(scales: string): number[] {
  const grids = scales.split(',').map(Number)
  if (!grids.every((m) => Number.isInteger(m) && m >= 1))
    throw new ValueError(
      `sdd: scales must be whole numbers of at least 1, got ${scales}. Write them as in '1,2,4'.`,
    )
  return grids
}

function checkGrids(
  { student, teacher }: { readonly student: Tensor; readonly teacher: Tensor },
  grids: readonly number[],
): void {
  const shapes = [student.shape, teacher.shape]
  const finest = Math.max(...grids)
  if (shapes.some(([, , h, w]) => h! < finest || w! < finest))
    throw new ShapeError(
      `sdd: a map has fewer positions than the finest grid has cells, got ${showAll(shapes)} for ${finest} x ${finest}. Use smaller scales.`,
    )
}
