import { crossEntropy } from '../../ops/loss.ts'
import type { Tensor } from '../../tensor.ts'
import type { Labels } from '../batch.ts'
import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { temperedDivergences } from '../parts/row-divergence.ts'

/**
 * Weighted soft label distillation. Zhou, Song, Chen, Zhou, Wang, Yuan, Zhang: Rethinking Soft Labels for Knowledge
 * Distillation: A Bias-Variance Tradeoff Perspective, ICLR 2021, arXiv:2102.00650.
 *
 *     WSLD = T² / N · sum_n w_n KL(softmax(t / T) ‖ softmax(s / T)),   w = 1 - exp( -CE(s, y) / (CE(t, y) + 1e-7) )
 *
 * Samples that the student gets right better than the teacher count less. The weights come from untempered logits and are
 * constants of the gradient, as in the authors' code, so this gradient is not the derivative of the value. That code has
 * the soft cross-entropy in place of the divergence: the same gradient, but not 0 where the student equals the teacher.
 */
export const wsld = defineLoss(
  'wsld',
  {
    title: 'Weighted soft label distillation',
    paper:
      'Zhou, Song, Chen, Zhou, Wang, Yuan, Zhang: Rethinking Soft Labels for Knowledge Distillation: A Bias-Variance Tradeoff Perspective, ICLR 2021, arXiv:2102.00650',
    formula: 'T² mean of w KL(softmax(t / T) || softmax(s / T)), w = 1 - exp(-CE_s / (CE_t + 1e-7)) held',
    variant: "the authors' code less the teacher's entropy: divergence instead of soft cross-entropy",
    defaults: { temperature: positive(4, 'paper, CIFAR-100 (2 on ImageNet)') },
    needs: ['teacher', 'labels'],
    mix: { weight: 2.25, ce: 1 },
  },
  ({ student, teacher, labels }, { temperature: T }) => {
    const own = hardness(student.logits.detach(), labels)
    const theirs = hardness(teacher.logits, labels)
    const weights = own.div(theirs.add(1e-7)).neg().expm1().neg()
    const kl = temperedDivergences(teacher.logits, student.logits, T)
    return kl
      .mul(weights)
      .mean()
      .mul(T * T)
  },
)

/** Cross-entropy of each sample, [N]; rounding does not take it below 0. */
const hardness = (logits: Tensor, labels: Labels): Tensor =>
  crossEntropy(logits, labels, { reduction: 'none' }).clamp(0)
