import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { rowDivergences } from '../parts/row-divergence.ts'

/**
 * Transformed teacher matching. Zheng, Yang: Knowledge Distillation Based on Transformed Teacher Matching, ICLR 2024,
 * arXiv:2402.11148.
 *
 *     TTM = 1/N sum_n KL(q ‖ softmax(s)),   q = p^γ / sum_c p_c^γ,   p = softmax(t)
 *
 * The student has no temperature, and there is no T²: with γ = 1/T, KD at temperature T is this and a Rényi entropy. q is
 * softmax(γ t), so that nothing leaves log space. The gradient is (softmax(s) - q) / N.
 */
export const ttm = defineLoss(
  'ttm',
  {
    title: 'Transformed teacher matching',
    paper:
      'Zheng, Yang: Knowledge Distillation Based on Transformed Teacher Matching, ICLR 2024, arXiv:2402.11148',
    formula: 'KL(p^exponent, normalised || softmax(s)), mean over the batch, p = softmax(t)',
    defaults: { exponent: positive(0.1, "the authors' README, CIFAR-100, vgg13 to vgg8") },
    mix: { weight: 45, ce: 1 },
  },
  ({ student, teacher }, { exponent }) =>
    rowDivergences(teacher.logits.mul(exponent).logSoftmax(1), student.logits.logSoftmax(1)).mean(),
)
