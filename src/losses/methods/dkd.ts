import { scatterMask } from '../../ops/indexing.ts'
import { defineLoss } from '../define.ts'
import { positive, real } from '../parameters.ts'
import { classOf } from '../parts/labels.ts'
import { rowDivergences } from '../parts/row-divergence.ts'
import { decouple } from '../parts/target.ts'

/**
 * Decoupled knowledge distillation. Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation, CVPR 2022,
 * arXiv:2203.08679.
 *
 *     DKD = T² / N · sum_n ( α KL(bᵗ ‖ bˢ) + β KL(qᵗ ‖ qˢ) )
 *                            TCKD: target    NCKD: which of
 *                            class or not    the others
 *
 * KL(pᵗ ‖ pˢ) = TCKD + (1 - pᵗ of the target) NCKD. With two classes NCKD is 0, with one class all of it.
 *
 * Everything stays in log space and the target class is taken out of the others exactly. The published code takes
 * the log of summed probabilities and subtracts 1000 from the target's logit: NaN or wrong beyond gaps of about 100.
 */
export const dkd = defineLoss(
  'dkd',
  {
    title: 'Decoupled knowledge distillation',
    paper: 'Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation, CVPR 2022, arXiv:2203.08679',
    formula: 'T² (alpha TCKD + beta NCKD): target class or not, and which of the others',
    variant: 'the published one in log space: no NaN where the code has it',
    defaults: {
      alpha: real(1, 'mdistiller, CIFAR-100'),
      beta: real(8, 'mdistiller, CIFAR-100, resnet32x4 to resnet8x4 (2 to 8 by pair)'),
      temperature: positive(4, 'mdistiller, CIFAR-100'),
    },
    needs: ['teacher', 'labels'],
    mix: { weight: 1, ce: 1, warmup: 20 / 240 },
  },
  ({ student, teacher, labels }, { alpha, beta, temperature: T }) => {
    const isTarget = scatterMask(classOf(labels), student.logits.shape[1]!)
    const s = decouple(student.logits.div(T), isTarget)
    const t = decouple(teacher.logits.div(T), isTarget)
    const tckd = rowDivergences(t.pair, s.pair).mean()
    const nckd = rowDivergences(t.others, s.others).mean()
    return tckd
      .mul(alpha)
      .add(nckd.mul(beta))
      .mul(T * T)
  },
)
