import { klDiv } from '../ops/loss.ts'
import { defineLoss } from './define.ts'

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
  { temperature: 4 },
  ({ student, teacher }, { temperature: T }) =>
    klDiv(student.logits.div(T).logSoftmax(1), teacher.logits.div(T).logSoftmax(1), {
      reduction: 'batchmean',
      logTarget: true,
    }).mul(T * T),
  {
    title: 'Knowledge distillation',
    paper: 'Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531',
    formula: 'T² KL(softmax(t / T) || softmax(s / T)), mean over the batch',
    source: { temperature: 'RepDistiller and mdistiller, CIFAR-100' },
    mix: { weight: 0.9, ce: 0.1 },
  },
)
