import { where } from '../ops/elementwise.ts'
import { cat, scatterMask } from '../ops/indexing.ts'
import { isLabels, klDiv } from '../ops/loss.ts'
import type { Tensor } from '../tensor.ts'
import { defineLoss, type Labels } from './define.ts'

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
  { alpha: 1, beta: 8, temperature: 4 },
  ({ student, teacher, labels }, { alpha, beta, temperature: T }) => {
    const isTarget = scatterMask(classOf(labels), student.logits.shape[1]!)
    const s = decouple(student.logits.div(T), isTarget)
    const t = decouple(teacher.logits.div(T), isTarget)
    const tckd = divergence(t.pair, s.pair)
    const nckd = divergence(t.others, s.others)
    return tckd
      .mul(alpha)
      .add(nckd.mul(beta))
      .mul(T * T)
  },
  {
    title: 'Decoupled knowledge distillation',
    paper: 'Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation, CVPR 2022, arXiv:2203.08679',
    formula: 'T² (alpha TCKD + beta NCKD): target class or not, and which of the others',
    source: {
      alpha: 'mdistiller, CIFAR-100',
      beta: 'mdistiller, CIFAR-100, resnet32x4 to resnet8x4 (2 to 8 by pair)',
      temperature: 'mdistiller, CIFAR-100',
    },
    needs: ['teacher', 'labels'],
    mix: { weight: 1, ce: 1 },
  },
)

/**
 * Log-probabilities: of the target and of all the rest together [N, 2], and of each class within the rest [N, C].
 *
 * All logits count from the largest of the rest, so that a target far above it does not cost the rest its digits. The
 * pair is normalised together: a rounding error of the odds then cancels in the divergence, to first order.
 */
function decouple(logits: Tensor, isTarget: Tensor<'bool'>) {
  const others = where(isTarget, NEVER, logits)
  const top = others.detach().amax(1, true)
  const target = where(isTarget, logits.sub(top), 0).sum(1, true)
  const rest = others.sub(top).exp().sum(1, true).log()
  return {
    pair: cat([target, rest], 1).logSoftmax(1),
    others: where(isTarget, NEVER, others.sub(top).sub(rest)),
  }
}

/** The logit of what cannot be: exp gives exactly 0 in float32 too, and unlike -Infinity it is no NaN with itself. */
const NEVER = -1e30

const divergence = (t: Tensor, s: Tensor): Tensor => klDiv(s, t, { reduction: 'batchmean', logTarget: true })

/** Class numbers [N]; of soft targets the first largest entry. */
const classOf = (labels: Labels): Tensor<'int'> => (isLabels(labels) ? labels : labels.argmax(1))
