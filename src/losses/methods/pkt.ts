import { where } from '../../ops/elementwise.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { gram } from '../parts/gram.ts'
import { noRelation, samplesOf } from '../parts/samples.ts'
import { sumOf } from '../parts/sums.ts'
import { scaled } from '../parts/unit.ts'

/**
 * Probabilistic knowledge transfer. Passalis, Tefas: Learning Deep Representations with Probabilistic Knowledge Transfer,
 * ECCV 2018, arXiv:1803.10837, cosine kernel.
 *
 *     PKT = mean over all N² entries of p_t log( (p_t + eps) / (p_s + eps) )
 *     p[i, j] = c[i, j] / sum over j of c[i, j],   c = (cos + 1) / 2,   cos: of the samples i and j, lengths + eps
 *
 * Features [N, D] whose widths may differ. The mean over N² makes it small, hence the weight 30000. One sample gives 0.
 * A sample whose features are all 0 has cosine 0 with every other one and gets no gradient, where the published code
 * gives NaN; one shorter than eps gets one as large as 5 / (24 eps) in a batch of two. A cosine that rounds to
 * less than -1 counts as -1.
 */
export const pkt = defineLoss(
  'pkt',
  {
    title: 'Probabilistic knowledge transfer',
    paper:
      'Passalis, Tefas: Learning Deep Representations with Probabilistic Knowledge Transfer, ECCV 2018, arXiv:1803.10837',
    formula: 'mean(p_t log((p_t + eps) / (p_s + eps))), p: rows of (cosine of two samples + 1) / 2, of sum 1',
    variant: "cosine kernel, as in the authors' code and RepDistiller; no NaN where a sample is 0",
    defaults: { eps: positive(1e-7, "the authors' code and RepDistiller") },
    layers: 'pooled',
    mix: { weight: 30000, ce: 1 },
  },
  ({ layers }, { eps }) =>
    sumOf(
      layers.map((layer) => {
        const { student, teacher } = samplesOf('pkt', layer)
        if (student.shape[0] === 1) return noRelation(student)
        const [p, q] = [probabilities(teacher, eps), probabilities(student, eps)]
        return p.mul(p.add(eps).div(q.add(eps)).log()).mean()
      }),
    ),
)

/** How likely each sample is the neighbour of another: [N, N], rows of sum 1. */
function probabilities(samples: Tensor, eps: number): Tensor {
  const { x, unit } = scaled(samples, 1)
  const length = x.norm(2, 1, true)
  const directions = where(length.eq(0), 0, x).div(length.add(unit.reciprocal().mul(eps)))
  const kernel = gram(directions).add(1).div(2).relu()
  return kernel.div(kernel.sum(1, true))
}
