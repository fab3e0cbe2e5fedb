import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { divergence } from '../parts/divergence.ts'

/**
 * Class-wise self-knowledge distillation. Yun, Park, Lee, Shin: Regularizing Class-wise Predictions via Self-knowledge
 * Distillation, CVPR 2020, arXiv:2003.13964, eq. 2.
 *
 *     CS-KD = T² KL(sg(softmax(partner / T)) ‖ softmax(s / T)), mean over the batch
 *
 * The partner [N, C] is what the student says of another sample of the same class, one for each. It is a target only: sg
 * stops its gradient, and it gets no cross-entropy.
 */
export const cskd = defineLoss(
  'cskd',
  {
    title: 'Class-wise self-knowledge distillation',
    paper:
      'Yun, Park, Lee, Shin: Regularizing Class-wise Predictions via Self-knowledge Distillation, CVPR 2020, arXiv:2003.13964',
    formula: 'T² KL(softmax(partner / T) || softmax(s / T)), partner: another sample of the class, detached',
    variant: "the authors' code, whose lambda is the weight",
    defaults: { temperature: positive(4, "the authors' code") },
    needs: ['partner'],
    mix: { weight: 1, ce: 1 },
  },
  ({ student, partner }, { temperature: T }) => divergence(partner.logits.detach(), student.logits, T),
)
