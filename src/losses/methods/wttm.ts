import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { rowDivergences } from '../parts/row-divergence.ts'

/**
 * Weighted transformed teacher matching. Zheng, Yang: Knowledge Distillation Based on Transformed Teacher Matching, ICLR
 * 2024, arXiv:2402.11148.
 *
 *     WTTM = 1/N sum_n U_n KL(q ‖ softmax(s)),   U = sum_c p_c^γ,   q = p^γ / U,   p = softmax(t)
 *
 * TTM with more weight on samples of which the teacher is less sure. With γ = 1 every weight is 1, and it is KD at
 * temperature 1.
 */
export const wttm = defineLoss(
  'wttm',
  {
    title: 'Weighted transformed teacher matching',
    paper:
      'Zheng, Yang: Knowledge Distillation Based on Transformed Teacher Matching, ICLR 2024, arXiv:2402.11148',
    formula: 'KL(p^exponent, normalised || softmax(s)) times sum_c p_c^exponent, mean over the batch',
    defaults: { exponent: positive(0.2, "the authors' README, CIFAR-100, together with CRD") },
    mix: { weight: 4, ce: 1 },
  },
  ({ student, teacher }, { exponent }) => {
    const powers = teacher.logits.logSoftmax(1).mul(exponent)
    return rowDivergences(powers.logSoftmax(1), student.logits.logSoftmax(1)).mul(powers.exp().sum(1)).mean()
  },
)
