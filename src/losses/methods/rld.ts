import { scatterMask } from '../../ops/indexing.ts'
import { defineLoss } from '../define.ts'
import { positive, real } from '../parameters.ts'
import { classOf } from '../parts/labels.ts'
import { rowDivergences } from '../parts/row-divergence.ts'
import { decouple, logSoftmaxWithout } from '../parts/target.ts'

/**
 * Refined logit distillation. Sun, Chen, Lyu, Chen, Chen, Wang: Knowledge Distillation with Refined Logits, ICCV 2025,
 * arXiv:2408.07703.
 *
 *     RLD = 1/N sum_n ( α T'² KL(bᵗ ‖ bˢ) + β T² KL(qᵗ ‖ qˢ) )
 *                       SCD               MCD
 *     bᵗ: the teacher's top class or not;  bˢ: the student's label or not;  both at temperature T'
 *     q:  which of the classes that the teacher puts below the label, at temperature T
 *
 * A teacher that is wrong hands on how sure it is, not of what, and nothing about the classes that it prefers to the
 * label. Where it is right, this is DKD. With no class below the label MCD is 0; of classes that tie for the teacher's top
 * the first one counts; of soft labels the largest entry. Everything stays in log space, where the authors' code takes the
 * log of summed probabilities.
 */
export const rld = defineLoss(
  'rld',
  {
    title: 'Refined logit distillation',
    paper:
      'Sun, Chen, Lyu, Chen, Chen, Wang: Knowledge Distillation with Refined Logits, ICCV 2025, arXiv:2408.07703',
    formula: "alpha T'² KL(top or not || label or not) + beta T² KL over classes the teacher puts below y",
    variant: "the authors' code in log space: no NaN where the code has it",
    defaults: {
      alpha: real(1, "the authors' code, CIFAR-100"),
      beta: real(8, "the authors' code, CIFAR-100"),
      temperature: positive(4, "the authors' code, CIFAR-100: T"),
      confidenceTemperature: positive(1, "the authors' code, CIFAR-100: ALPHA_T"),
    },
    needs: ['teacher', 'labels'],
    mix: { weight: 1, ce: 1, warmup: 20 / 240 },
  },
  (
    { student: { logits: s }, teacher: { logits: t }, labels },
    { alpha, beta, temperature: T, confidenceTemperature },
  ) => {
    const target = classOf(labels)
    const isTarget = scatterMask(target, s.shape[1]!)
    const isTop = scatterMask(t.argmax(1), s.shape[1]!)
    const sure = rowDivergences(
      decouple(t.div(confidenceTemperature), isTop).pair,
      decouple(s.div(confidenceTemperature), isTarget).pair,
    )
    const misleading = t.ge(t.gather(1, target.unsqueeze(1)))
    const correlation = rowDivergences(
      logSoftmaxWithout(misleading, t.div(T)),
      logSoftmaxWithout(misleading, s.div(T)),
    )
    return sure
      .mul(alpha * confidenceTemperature ** 2)
      .add(correlation.mul(beta * T * T))
      .mean()
  },
)
