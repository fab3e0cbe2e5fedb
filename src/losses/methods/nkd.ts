import { scatterMask } from '../../ops/indexing.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { positive, real } from '../parameters.ts'
import { classOf } from '../parts/labels.ts'
import { logSoftmaxWithout } from '../parts/target.ts'

/**
 * Normalised knowledge distillation. Yang, Zeng, Li, Zhang, Yuan, Li: From Knowledge Distillation to Self-Knowledge
 * Distillation: A Unified Approach with Normalized Loss and Customized Soft Labels, ICCV 2023, arXiv:2303.13005.
 *
 *     NKD = 1/N sum_n ( -p_y log q_y  -  γ T² sum over c ≠ y of p'_c log q'_c )
 *           target                       the others, each side renormalised without y, at temperature T
 *     p = softmax(t),  q = softmax(s),   both at temperature 1
 *
 * Cross-entropies, not divergences: what is left where the student equals the teacher is entropy. Of soft labels the
 * largest entry counts. With one class the second part is 0.
 */
export const nkd = defineLoss(
  'nkd',
  {
    title: 'Normalised knowledge distillation',
    paper:
      'Yang, Zeng, Li, Zhang, Yuan, Li: From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized Loss and Customized Soft Labels, ICCV 2023, arXiv:2303.13005',
    formula: '-p_y log q_y + gamma T² CE of the renormalised other classes, mean over the batch',
    variant: "the authors' code, in log space; the target part has no temperature",
    defaults: {
      gamma: real(1.5, "the authors' code, cls_KD"),
      temperature: positive(1, "the authors' code, cls_KD"),
    },
    needs: ['teacher', 'labels'],
    mix: { weight: 1, ce: 1 },
  },
  ({ student, teacher, labels }, { gamma, temperature: T }) => {
    const isTarget = scatterMask(classOf(labels), student.logits.shape[1]!)
    const targets = teacher.logits.softmax(1).mul(isTarget.toFloat())
    const target = crossEntropies(targets, student.logits.logSoftmax(1))
    const others = crossEntropies(
      logSoftmaxWithout(isTarget, teacher.logits.div(T)).exp(),
      logSoftmaxWithout(isTarget, student.logits.div(T)),
    )
    return target.add(others.mul(gamma * T * T)).mean()
  },
)

/** -sum_c p_c log q_c of each row, [N]. */
const crossEntropies = (p: Tensor, logQ: Tensor): Tensor => p.mul(logQ).sum(1).neg()
