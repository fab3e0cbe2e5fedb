import { ValueError } from '../../errors.ts'
import type { Random } from '../../random.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { adapterOf, byLayer } from '../parts/by-layer.ts'
import { ConvStack } from '../parts/conv-stack.ts'
import { equalSize } from '../parts/maps.ts'
import { negativeMean, partialL2 } from '../parts/partial-l2.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Overhaul of feature distillation. Heo, Kim, Yun, Park, Kwak, Choi: A Comprehensive Overhaul of Feature Distillation,
 * ICCV 2019, arXiv:1904.01866.
 *
 *     OFD = 1/N · sum over layers k = 1 ... L of 2^(k - L) · sum over elements of d(C(F_s), max(F_t, m))
 *     d(s, t) = 0 where s ≤ t ≤ 0,   (s - t)² elsewhere
 *
 * Features are from before the activation. m is the mean of each channel of the teacher where it is negative, taken from
 * the batch normalisation before the activation. The connector C, a 1x1 convolution with batch normalisation, is trained
 * with the student. The larger map is averaged down to the size of the smaller; the authors' networks have equal sizes.
 * Their CIFAR code leaves the teacher in training mode by accident.
 */
export const ofd = defineLoss(
  'ofd',
  {
    title: 'Overhaul of feature distillation',
    paper:
      'Heo, Kim, Yun, Park, Kwak, Choi: A Comprehensive Overhaul of Feature Distillation, ICCV 2019, arXiv:1904.01866',
    formula:
      '1/N · sum over layers of 2^(k - L) sum((C(F_s) - t)² but 0 where C(F_s) ≤ t ≤ 0), t = max(F_t, m)',
    variant: "the authors' CIFAR code, weight 1e-3 (1e-4 on ImageNet), with the teacher in evaluation mode",
    needs: ['teacher', 'teacherNorms'],
    layers: 'pre-activations',
    mix: { weight: 1e-3, ce: 1 },
    adapters: ({ layers }, _, random) =>
      byLayer(layers, random, (layer, random) => {
        const { student, teacher } = equalSize('ofd', layer)
        return connector(student.shape[1]!, teacher.shape[1]!, random)
      }),
  },
  ({ layers, teacherNorms }, _, { adapters }) => {
    const last = layers.length - 1
    return sumOf(
      layers.map((layer, k) => {
        const { student, teacher } = equalSize('ofd', layer)
        const norm = Object.hasOwn(teacherNorms, layer.name.teacher) ? teacherNorms[layer.name.teacher] : null
        if (!norm)
          throw new ValueError(
            `ofd: the teacher's layer ${layer.name.teacher} needs a batch normalisation before its activation, got those of ${Object.keys(teacherNorms).join(', ') || 'none'}. Choose other layers, or add it to teacherNorms.`,
          )
        const connected: Tensor = adapterOf(adapters, k)!.forward(student)
        return partialL2(connected, teacher, negativeMean(norm)).mul(2 ** (k - last) / student.shape[0]!)
      }),
    )
  },
)

/** A 1x1 convolution, normal with variance 2 / channels that come out, and batch normalisation. */
function connector(from: number, to: number, random: Random): ConvStack {
  const stack = new ConvStack(from, [{ channels: to, kernel: 1, bias: false, norm: true }], random)
  const weight = random.fork('weight').normals(to * from, 0, Math.sqrt(2 / to))
  stack.loadStateDict(new Map([['conv1.weight', tensor(Float32Array.from(weight), [to, from, 1, 1])]]), {
    strict: false,
  })
  return stack
}
