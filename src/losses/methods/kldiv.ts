import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { divergence } from '../parts/divergence.ts'

/**
 * Knowledge distillation. Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531.
 *
 *     KD = T² / N · sum_n sum_c p_nc (log p_nc - log q_nc),   p = softmax(t / T),  q = softmax(s / T)
 *
 * The paper's soft cross-entropy less the teacher's entropy: the same gradient, T/N (q - p), and 0 where the student
 * equals the teacher. A class of teacher probability 0 contributes 0, a logit of -Infinity included.
 */
export const kldiv = defineLoss(
  'kldiv',
  {
    title: 'Knowledge distillation',
    paper: 'Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531',
    formula: 'T² KL(softmax(t / T) || softmax(s / T)), mean over the batch',
    defaults: { temperature: positive(4, 'RepDistiller and mdistiller, CIFAR-100') },
    mix: { weight: 0.9, ce: 0.1 },
  },
  ({ student, teacher }, { temperature: T }) => divergence(teacher.logits, student.logits, T),
)
