import { where } from '../../ops/elementwise.ts'
import { sameShape } from '../../shape.ts'
import { defineLoss } from '../define.ts'
import { positive, whole } from '../parameters.ts'
import { adapted, byLayer } from '../parts/by-layer.ts'
import { Regressor } from '../parts/regressor.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Activation boundaries. Heo, Lee, Yun, Choi: Knowledge Transfer via Distillation of Activation Boundaries Formed by
 * Hidden Neurons, AAAI 2019, arXiv:1811.03233.
 *
 *     AB = 3/1000 · 1/N · sum over layers k = 1 ... L of 2^(k - L) · sum over elements of ρ(C(F_s), F_t)
 *     ρ(s, t) = max(m - s, 0)² where t > 0,   max(m + s, 0)² elsewhere
 *
 * Features are from before the activation: what counts is on which side of 0 the teacher is. The connector C is nothing
 * where the shapes are equal, and the regressor of hints without relu elsewhere. The student first trains on the loss
 * alone and then on labels alone.
 */
export const ab = defineLoss(
  'ab',
  {
    title: 'Activation boundaries',
    paper:
      'Heo, Lee, Yun, Choi: Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden Neurons, AAAI 2019, arXiv:1811.03233',
    formula:
      '3/1000 / N · sum over layers of 2^(k - L) sum(max(m - s, 0)² where t > 0, max(m + s, 0)² elsewhere)',
    variant: 'RepDistiller: its factor 3/1000, a stage of its own and then labels alone',
    defaults: {
      margin: positive(1, 'paper and RepDistiller'),
      initEpochs: whole(30, 'RepDistiller'),
    },
    layers: 'pre-activations',
    mix: { weight: 0, ce: 1 },
    adapters: ({ layers }, _, random) =>
      byLayer(layers, random, (layer, random) =>
        sameShape(layer.student.shape, layer.teacher.shape)
          ? undefined
          : new Regressor('ab', layer, { random, norm: true, relu: false }),
      ),
    preliminary: { epochs: ({ initEpochs }) => initEpochs },
  },
  ({ layers }, { margin }, { adapters }) => {
    const last = layers.length - 1
    return sumOf(
      adapted(layers, adapters).map(({ student: s, teacher: t }, k) => {
        const violation = where(t.gt(0), s.neg().add(margin), s.add(margin)).relu()
        return violation
          .square()
          .sum()
          .mul((2 ** (k - last) * SCALE) / s.shape[0]!)
      }),
    )
  },
)

const SCALE = 3 / 1000
