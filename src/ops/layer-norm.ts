import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import { type Shape, sameShape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { affine, normaliseChannels, scaleShift, standardisation } from './normalise.ts'

/** Settings of `layerNorm`, `groupNorm` and `instanceNorm`, in PyTorch's names. */
export interface NormOptions {
  /** No scaling where left out. */
  readonly weight?: Tensor | undefined
  /** No shift where left out. */
  readonly bias?: Tensor | undefined
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
}

/**
 * Each slice of x [..., ...normalizedShape] with mean 0 and (biased) variance 1, times `weight` plus `bias` (both of
 * `normalizedShape`), as `torch.nn.functional.layer_norm`. A constant slice gives the bias.
 * Ba, Kiros and Hinton, "Layer normalization", 2016, arXiv:1607.06450.
 *
 * @throws ShapeError where x does not end in `normalizedShape`, or weight or bias have another shape.
 */
export function layerNorm(x: Tensor, normalizedShape: Shape, options: NormOptions = {}): Tensor {
  const lead = x.rank - normalizedShape.length
  if (normalizedShape.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), normalizedShape))
    throw new ShapeError(
      `layerNorm: the input does not end in the normalised shape, got ${showAll([x.shape, normalizedShape])}. Name the last sizes of the input.`,
    )
  const { weight, bias, eps = 1e-5 } = options
  for (const t of [weight, bias])
    if (t && !sameShape(t.shape, normalizedShape))
      throw new ShapeError(
        `layerNorm: weight and bias have the normalised shape, got ${showAll([t.shape, normalizedShape])}. Expected ${show(normalizedShape)}.`,
      )
  const over = normalizedShape.map((_, d) => lead + d)
  const normal = normalised('layerNorm', x, over, eps)
  return weight || bias ? scaleShift(normal, weight ?? 1, bias ?? 0) : normal
}

/**
 * The channels of x [N, C, ...] in `numGroups` groups of neighbours, each group of a sample with mean 0 and (biased)
 * variance 1, times `weight` [C] plus `bias` [C], as `torch.nn.functional.group_norm`.
 * Wu and He, "Group normalization", ECCV 2018, arXiv:1803.08494.
 *
 * @throws ShapeError where x has no channels, weight or bias are not [C], or there is one value in all to a group.
 * @throws ValueError where the channels cannot be shared out among the groups.
 */
export function groupNorm(x: Tensor, numGroups: number, options: NormOptions = {}): Tensor {
  const channels = channelsOf('groupNorm', x, options, 2)
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0)
    throw new ValueError(
      `groupNorm: ${channels} channels cannot be shared out, got ${numGroups} groups. Choose a number that divides ${channels}.`,
    )
  if (x.size === numGroups)
    throw new ShapeError(
      `groupNorm: a group needs more than one value, got ${show(x.shape)} in ${numGroups} groups. Use fewer groups.`,
    )
  const grouped = x.reshape([x.shape[0]!, numGroups, x.size === 0 ? 0 : x.size / x.shape[0]! / numGroups])
  const normal = normalised('groupNorm', grouped, [2], options.eps ?? 1e-5).reshape(x.shape)
  return affine(x, normal, options.weight, options.bias)
}

/**
 * Each channel of each sample of x [N, C, ...] with mean 0 and (biased) variance 1, times `weight` [C] plus `bias` [C],
 * as `torch.nn.functional.instance_norm` with the input's own statistics.
 * Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016, arXiv:1607.08022.
 *
 * @throws ShapeError where x has no positions, weight or bias are not [C], or there is one position only.
 */
export function instanceNorm(x: Tensor, options: NormOptions = {}): Tensor {
  channelsOf('instanceNorm', x, options, 3)
  if (sizeOf(x.shape.slice(2)) === 1)
    throw new ShapeError(
      `instanceNorm: a channel needs more than one value, got ${show(x.shape)}. Use larger planes.`,
    )
  const over = x.shape.flatMap((_, d) => (d < 2 ? [] : [d]))
  const { weight, bias, eps = 1e-5 } = options
  return normaliseChannels('instanceNorm', x, over, { weight, bias, eps }).y
}

function normalised(name: string, x: Tensor, over: readonly number[], eps: number): Tensor {
  const { normal, gradient } = standardisation(x, over, eps)
  return withGradient(name, normal, [x], (g) => [gradient(g, 1).dx])
}

function channelsOf(op: string, x: Tensor, { weight, bias }: NormOptions, rank: 2 | 3): number {
  if (x.rank < rank)
    throw new ShapeError(
      `${op}: wrong number of dims, got ${show(x.shape)}. Expected ${rank === 2 ? '[N, C] or ' : ''}[N, C, ...]; add dims with reshape.`,
    )
  const channels = x.shape[1]!
  for (const t of [weight, bias])
    if (t && !sameShape(t.shape, [channels]))
      throw new ShapeError(
        `${op}: weight and bias hold one value per channel, got ${showAll([t.shape, x.shape])}. Expected [${channels}].`,
      )
  return channels
}

declareComposed(
  'layerNorm',
  (draw) => {
    const normalizedShape = draw.pick([[2 + draw.size(5)], [2 + draw.size(3), draw.size(4)]])
    const x = { shape: [...draw.shape(0, 2), ...normalizedShape], distinct: true }
    return {
      inputs: [x, { shape: normalizedShape }, { shape: normalizedShape }],
      params: { normalizedShape, eps: draw.pick([1e-5, 0.1]) },
    }
  },
  ([x, weight, bias], { normalizedShape, eps }) =>
    layerNorm(x!, normalizedShape as Shape, { weight, bias, eps: eps as number }),
)
declareComposed(
  'groupNorm',
  (draw) => {
    const numGroups = draw.int(1, 3)
    const channels = numGroups * (1 + draw.size(2))
    const shape = [draw.size(3), channels, ...draw.pick([[], [draw.size(4)], [draw.size(3), draw.size(3)]])]
    return {
      inputs: [{ shape, distinct: true }, { shape: [channels] }, { shape: [channels] }],
      params: { numGroups },
    }
  },
  ([x, weight, bias], { numGroups }) => groupNorm(x!, numGroups as number, { weight, bias }),
)
declareComposed(
  'instanceNorm',
  (draw) => {
    const channels = draw.size(4)
    const shape = [draw.size(3), channels, 1 + draw.size(4), ...draw.pick([[], [draw.size(3)]])]
    return { inputs: [{ shape, distinct: true }, { shape: [channels] }, { shape: [channels] }] }
  },
  ([x, weight, bias]) => instanceNorm(x!, { weight, bias }),
)
