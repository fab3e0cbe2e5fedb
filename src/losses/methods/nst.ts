import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { severalPositions } from '../parts/maps.ts'
import { sumOf } from '../parts/sums.ts'
import { unit } from '../parts/unit.ts'

/**
 * Neuron selectivity transfer. Huang, Wang: Like What You Like: Knowledge Distill via Neuron Selectivity Transfer, 2017,
 * arXiv:1707.01219, with the polynomial kernel of degree 2.
 *
 *     NST = sum over layers of k(t, t) + k(s, s) - 2 k(s, t)
 *     k(a, b) = mean over samples and pairs of channels of (a_i · b_j)²,   channels [H · W] of length 1
 *
 * Maps [N, C, H, W] may differ in channels; the larger one is averaged down to the size of the smaller. A channel that is
 * 0 everywhere gets no gradient. The inner products are one matrix product [N, C_s, C_t], without the N · C_s · C_t · H · W
 * numbers that the published code takes. A map of one position has channels of 1 and -1, whatever its values are, and is
 * refused.
 */
export const nst = defineLoss(
  'nst',
  {
    title: 'Neuron selectivity transfer',
    paper:
      'Huang, Wang: Like What You Like: Knowledge Distill via Neuron Selectivity Transfer, 2017, arXiv:1707.01219',
    formula:
      'sum over layers of k(t, t) + k(s, s) - 2 k(s, t), k: mean squared product of two channels of length 1',
    variant: 'polynomial kernel, as in RepDistiller; the paper also has a linear and a Gaussian one',
    layers: 'maps',
    mix: { weight: 50, ce: 1 },
  },
  ({ layers }) =>
    sumOf(
      layers.map((layer) => {
        const { student, teacher } = severalPositions('nst', 'selectivity', layer)
        const [s, t] = [channels(student), channels(teacher)]
        return kernel(t, t).add(kernel(s, s)).sub(kernel(s, t).mul(2))
      }),
    ),
)

/** The channels of a map as vectors of length 1: [N, C, H * W]. */
const channels = (map: Tensor): Tensor => unit(map.flatten(2), 2)

const kernel = (a: Tensor, b: Tensor): Tensor => a.matmul(b.transpose()).square().mean()
