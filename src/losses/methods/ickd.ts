import { ShapeError, show } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import type { Layer } from '../layers.ts'
import { flag } from '../parameters.ts'
import { adapted, byLayer } from '../parts/by-layer.ts'
import { ConvStack } from '../parts/conv-stack.ts'
import { gramOfLengthOne } from '../parts/gram.ts'
import { checkMaps } from '../parts/maps.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Inter-channel correlation, ICKD-C. Liu, Huang, Lin, Xie, Wang, Chang, Liang: Exploring Inter-Channel Correlation for
 * Diversity-preserved Knowledge Distillation, ICCV 2021, arXiv:2202.03680.
 *
 *     ICKD = 1 / (N C) · sum over samples of | G(A(F_s)) - G(F_t) |²
 *     G(F) [C, C]: inner products of the channels of F [C, H · W], every row divided by its length
 *
 * A, a 1x1 convolution without bias and batch normalisation, takes the student's map to the C channels of the teacher's;
 * it is trained with the student and dropped for inference. Heights and widths of the two maps may differ. The paper
 * compares the inner products themselves; rows of length 1 are the authors' code.
 *
 * A channel that is 0 everywhere has a row of zeros and gets no gradient; the published code gives it 1e12 times upstream.
 */
export const ickd = defineLoss(
  'ickd',
  {
    title: 'ICKD-C: inter-channel correlation',
    paper:
      'Liu, Huang, Lin, Xie, Wang, Chang, Liang: Exploring Inter-Channel Correlation for Diversity-preserved Knowledge Distillation, ICCV 2021, arXiv:2202.03680',
    formula:
      'sum((G(A(F_s)) - G(F_t))²) / (N C), G: inner products of the channels, rows of length 1, A: an adapter',
    variant:
      "ICKD-C of the authors' code, to which kldiv with weight 1 belongs; the paper's formula does not normalise",
    defaults: { adapter: flag(true, "the authors' code") },
    layers: 'last map',
    mix: { weight: 2.5, ce: 1 },
    adapters: ({ layers }, { adapter }, random) =>
      byLayer(layers, random, (layer, random) => {
        checkMaps('ickd', layer)
        const [from, to] = [layer.student.shape[1]!, layer.teacher.shape[1]!]
        const plan = { channels: to, kernel: 1, bias: false, norm: true } as const
        return adapter ? new ConvStack(from, [plan], random) : undefined
      }),
  },
  ({ layers }, { adapter }, { adapters }) =>
    sumOf(
      adapted(layers, adapters).map((layer) => {
        if (!adapter) checkChannels(layer)
        const difference = correlation(layer.student).sub(correlation(layer.teacher))
        return difference.square().mean([0, 1]).sum()
      }),
    ),
)

/** Of every two channels of a map [N, C, H, W]: [N, C, C]. */
const correlation = (map: Tensor): Tensor => gramOfLengthOne(map.flatten(2))

function checkChannels({ name, student, teacher }: Layer): void {
  if (student.shape[1] !== teacher.shape[1])
    throw new ShapeError(
      `ickd: without the adapter both maps need the same channels, got ${name.student} ${show(student.shape)} and ${name.teacher} ${show(teacher.shape)}. Set adapter to true, or choose other layers.`,
    )
}
