import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import { sameShape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { fused } from './fused.ts'

const positive = { low: 0.3, high: 2 }

const squaredDifference = fused('squaredDifference', ['a', 'b'], '(a - b) * (a - b)', (g, a, b) => {
  const da = g.mul(a.sub(b)).mul(2)
  return [da, da.neg()]
})

const inverseDeviation = fused(
  'inverseDeviation',
  ['squares', 'perElement', 'eps'],
  '1.0 / Math.sqrt(a * b + c)',
  (g, squares, perElement, eps) => {
    const back = g.mul(squares.mul(perElement).add(eps).pow(-1.5)).mul(-0.5)
    return [back.mul(perElement), back.mul(squares), back]
  },
  positive,
)

const standardised = fused('standardised', ['x', 'mean', 'scale'], '(a - b) * c', (g, x, mean, scale) => {
  const dx = g.mul(scale)
  return [dx, dx.neg(), g.mul(x.sub(mean))]
})

const scaleShift = fused('scaleShift', ['x', 'scale', 'shift'], 'a * b + c', (g, x, scale) => [
  g.mul(scale),
  g.mul(x),
  g,
])

/** d loss / d x of a normalisation over a batch, from the sums of `g` and of `g * normal` over it. */
const normalisedGrad = fused(
  'normalisedGrad',
  ['g', 'sum', 'normal', 'dot', 'perElement', 'scale', 'weight'],
  '(a - (b + c * d) * e) * f * g',
  (h, g, sum, normal, dot, perElement, scale, weight) => {
    const both = sum.add(normal.mul(dot))
    const inner = g.sub(both.mul(perElement))
    const outer = h.mul(scale).mul(weight)
    const shared = outer.mul(perElement).neg()
    return [
      outer,
      shared,
      shared.mul(dot),
      shared.mul(normal),
      outer.mul(both).neg(),
      h.mul(inner).mul(weight),
      h.mul(inner).mul(scale),
    ]
  },
)

/** a * b + c * d: how running averages and moments move. */
export const blend = fused('blend', ['a', 'b', 'c', 'd'], 'a * b + c * d', (g, a, b, c, d) => [
  g.mul(b),
  g.mul(a),
  g.mul(d),
  g.mul(c),
])

/** Settings of `batchNorm`, in PyTorch's names. */
export interface BatchNormOptions {
  /** Mean and variance [C] to normalise with; not read in training. */
  readonly runningMean?: Tensor | undefined
  readonly runningVar?: Tensor | undefined
  /** [C]; no scaling where left out. */
  readonly weight?: Tensor | undefined
  /** [C]; no shift where left out. */
  readonly bias?: Tensor | undefined
  /** Normalise with the batch's own statistics. Default false. */
  readonly training?: boolean
  /** How far the running statistics move towards the batch's. Default 0.1. */
  readonly momentum?: number
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
}

/** What `batchNorm` gives. */
export interface BatchNormResult {
  /** x normalised, of its shape. */
  readonly y: Tensor
  /** The running mean [C] after this batch, from the one before; unchanged unless training. */
  readonly runningMean: (before: Tensor) => Tensor
  /** The running variance [C] (unbiased) after this batch, from the one before; unchanged unless training. */
  readonly runningVar: (before: Tensor) => Tensor
}

/**
 * Each channel of x [N, C, ...] with mean 0 and variance 1, times `weight` plus `bias`, as
 * `torch.nn.functional.batch_norm`: in training by the (biased) statistics of the batch, otherwise by the running ones.
 * State is explicit: the running statistics come back as functions of what they were.
 * Ioffe and Szegedy, "Batch normalization", ICML 2015, arXiv:1502.03167.
 *
 * @throws ShapeError where x has no channels, a setting is not [C], or training sees one value per channel.
 * @throws ValueError where the running statistics are needed and left out.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): BatchNormResult {
  const { runningMean, runningVar, weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = options
  if (x.rank < 2)
    throw new ShapeError(
      `batchNorm: wrong number of dims, got ${show(x.shape)}. Expected [N, C] or [N, C, ...]; add dims with reshape.`,
    )
  const channels = x.shape[1]!
  for (const t of [runningMean, runningVar, weight, bias])
    if (t && !sameShape(t.shape, [channels]))
      throw new ShapeError(
        `batchNorm: statistics, weight and bias hold one value per channel, got ${showAll([t.shape, x.shape])}. Expected [${channels}].`,
      )
  // [C] lines up with dim 1 of x.
  const lift = (t: Tensor) => t.reshape([channels, ...x.shape.slice(2).map(() => 1)])
  const affine = (normal: Tensor) =>
    weight || bias ? scaleShift(normal, weight ? lift(weight) : 1, bias ? lift(bias) : 0) : normal

  if (!training) {
    if (!runningMean || !runningVar)
      throw new ValueError(
        'batchNorm: evaluation needs the running statistics, got none. Give runningMean and runningVar, or set training.',
      )
    const normal = standardised(x, lift(runningMean), inverseDeviation(lift(runningVar), 1, eps))
    return { y: affine(normal), runningMean: (before) => before, runningVar: (before) => before }
  }

  const over = x.shape.flatMap((_, d) => (d === 1 ? [] : [d]))
  const count = sizeOf(over.map((d) => x.shape[d]!))
  if (count < 2)
    throw new ShapeError(
      `batchNorm: training needs more than one value per channel, got ${show(x.shape)}. Use a larger batch, or evaluate.`,
    )
  const mean = x.mean(over, true)
  const squares = squaredDifference(x, mean).sum(over, true)
  const scale = inverseDeviation(squares, 1 / count, eps)
  const normal = standardised(x, mean, scale)

  // Through the composition the gradient takes some 20 kernels, in this form 4.
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])]
  const y = withGradient('batchNorm', affine(normal), inputs, (g) => {
    const sum = g.sum(over, true)
    const dot = g.mul(normal).sum(over, true)
    return [
      normalisedGrad(g, sum, normal, dot, 1 / count, scale, weight ? lift(weight) : 1),
      ...(weight ? [dot.reshape([channels])] : []),
      ...(bias ? [sum.reshape([channels])] : []),
    ]
  })
  const moved = (before: Tensor, batch: Tensor, share: number) =>
    blend(before, 1 - momentum, batch.detach().reshape([channels]), momentum * share)
  return {
    y,
    runningMean: (before) => moved(before, mean, 1),
    runningVar: (before) => moved(before, squares, 1 / (count - 1)),
  }
}

declareComposed(
  'batchNorm',
  (draw) => {
    const channels = draw.size(4)
    const shape = [2 + draw.size(4), channels, ...draw.pick([[], [draw.size(4), draw.size(3)]])]
    return {
      inputs: [{ shape, distinct: true }, { shape: [channels] }, { shape: [channels] }],
      params: { training: true, eps: draw.pick([1e-5, 0.1]) },
    }
  },
  ([x, weight, bias], { eps }) => batchNorm(x!, { weight, bias, eps: eps as number, training: true }).y,
)
declareComposed(
  'batchNormEval',
  (draw) => {
    const channels = draw.size(4)
    const perChannel = { shape: [channels] }
    return {
      inputs: [
        { shape: [draw.size(4), channels, draw.size(4)] },
        perChannel,
        { ...perChannel, ...positive },
        perChannel,
        perChannel,
      ],
    }
  },
  ([x, runningMean, runningVar, weight, bias]) => batchNorm(x!, { runningMean, runningVar, weight, bias }).y,
)
