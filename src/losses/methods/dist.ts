import { where } from '../../ops/elementwise.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { positive, real } from '../parameters.ts'
import { deviations } from '../parts/deviation.ts'

/**
 * DIST. Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher, NeurIPS 2022, arXiv:2205.10536; the
 * factor T² as in the authors' code.
 *
 *     DIST = T² ( β (1 - mean over rows of r(p, q)) + γ (1 - mean over columns of r(p, q)) )
 *                 inter: classes of a sample          intra: samples of a class
 *     p = softmax(t / T),  q = softmax(s / T),  r(a, b) = a' · b' / (|a'| |b'| + 1e-8),  a' = a - mean(a)
 *
 * A row or column that hardly varies, by less than some 1e-3 in its tempered logits, correlates less than published, so
 * that its gradient stays bounded. One that does not vary has correlation 0 and, unlike in the published code, gradient 0: there the
 * gradient is 1e8 times upstream.
 */
export const dist = defineLoss(
  'dist',
  {
    title: 'DIST',
    paper:
      'Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher, NeurIPS 2022, arXiv:2205.10536',
    formula: 'T² (beta (1 - r over classes) + gamma (1 - r over the batch)), r: correlation of the softmaxes',
    variant: "the authors' code, which has the factor T²; the paper's pseudo-code has not",
    defaults: {
      beta: real(1, 'image_classification_sota, dist_t4, CIFAR-100'),
      gamma: real(1, 'image_classification_sota, dist_t4, CIFAR-100'),
      temperature: positive(4, 'image_classification_sota, dist_t4, CIFAR-100 (1 on ImageNet)'),
    },
    mix: { weight: 2, ce: 1 },
  },
  ({ student, teacher }, { beta, gamma, temperature: T }) => {
    const q = student.logits.div(T).softmax(1)
    const p = teacher.logits.div(T).softmax(1)
    const inter = correlation(p, q, 1).mean().neg().add(1)
    const intra = correlation(p, q, 0).mean().neg().add(1)
    return inter
      .mul(beta)
      .add(intra.mul(gamma))
      .mul(T * T)
  },
)

/** Pearson correlation of probabilities [N, C] along `dim`: [N, 1] or [1, C]. */
function correlation(p: Tensor, q: Tensor, dim: 0 | 1): Tensor {
  const [a, b] = [centred(p, dim), centred(q, dim)]
  return a.deviation.mul(b.deviation).sum(dim, true).div(a.norm.mul(b.norm).add(1e-8))
}

/** Deviations from the mean along `dim`, and their 2-norm; zeros and 1 where there is nothing but rounding. */
function centred(p: Tensor, dim: 0 | 1): { deviation: Tensor; norm: Tensor } {
  const deviation = deviations(p, dim)
  const squares = deviation.square().sum(dim, true)
  const perUnitOfLogit = p.mul(p.neg().add(1)).square().sum(dim, true)
  const varies = squares.gt(perUnitOfLogit.mul(SAME_LOGIT ** 2))
  const least = perUnitOfLogit.detach().mul(LEAST_SPREAD ** 2)
  return { deviation: where(varies, deviation, 0), norm: where(varies, squares.maximum(least), 1).sqrt() }
}

/** Rows and columns whose tempered logits differ by less correlate less: their gradient would be 1 / difference. */
const LEAST_SPREAD = 1e-3

/** Tempered logits that differ by less are taken as equal: float32 cannot tell their probabilities apart. */
const SAME_LOGIT = 1e-6
