import { ValueError } from '../../errors.ts'
import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { adapterOf, byLayer } from '../parts/by-layer.ts'
import { GaussianEstimate } from '../parts/gaussian-estimate.ts'
import { equalSize } from '../parts/maps.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Variational information distillation. Ahn, Hu, Damianou, Lawrence, Dai: Variational Information Distillation for
 * Knowledge Transfer, CVPR 2019, arXiv:1904.05835.
 *
 *     VID = sum over layers of mean( 1/2 ( (μ(F_s) - F_t)² / v + log v ) ),   v = softplus(a) + eps per channel
 *
 * The negative log-likelihood of the teacher's map [N, C_t, H, W] under a normal distribution around what the student's
 * [N, C_s, H, W] tells of it. μ (three 1x1 convolutions with relu between) and a are trained with the student. The larger
 * map is averaged down to the size of the smaller. The loss is negative where it finds small variances.
 *
 * The published code takes log(1 + exp(a)), which overflows; mdistiller's never trains a.
 */
export const vid = defineLoss(
  'vid',
  {
    title: 'Variational information distillation',
    paper:
      'Ahn, Hu, Damianou, Lawrence, Dai: Variational Information Distillation for Knowledge Transfer, CVPR 2019, arXiv:1904.05835',
    formula:
      'sum over layers of mean(((mu(F_s) - F_t)² / v + log v) / 2), v = softplus(a) + eps, mu and a trained',
    variant: 'RepDistiller, with a softplus that does not overflow',
    defaults: {
      variance: positive(5, "RepDistiller: each channel's variance at the start"),
      eps: positive(1e-5, 'RepDistiller'),
    },
    layers: 'maps',
    mix: { weight: 1, ce: 1 },
    adapters: ({ layers }, { variance, eps }, random) => {
      if (variance <= eps)
        throw new ValueError(
          `vid: variance must be above eps, got ${variance} and ${eps}. Make variance larger.`,
        )
      return byLayer(layers, random, (layer, random) => {
        const { student, teacher } = equalSize('vid', layer)
        return new GaussianEstimate(student.shape[1]!, teacher.shape[1]!, { variance, eps, random })
      })
    },
  },
  ({ layers }, _, { adapters }) =>
    sumOf(
      layers.map((layer, i) => {
        const { student, teacher } = equalSize('vid', layer)
        return adapterOf(adapters, i)!.negativeLogLikelihood(student, teacher)
      }),
    ),
)
