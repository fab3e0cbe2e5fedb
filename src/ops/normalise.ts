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

export const scaleShift = fused('scaleShift', ['x', 'scale', 'shift'], 'a * b + c', (g, x, scale) => [
  g.mul(scale),
  g.mul(x),
  g,
])

/**
 * What `g` and `x` have in common, each as its difference from its mean over `count` elements: the rounding of one mean
 * then meets only what the other one leaves, and a constant `g` gives 0.
 */
const jointDifference = fused(
  'jointDifference',
  ['g', 'sum', 'x', 'mean', 'count'],
  '(a - b / e) * (c - d)',
  (h, g, sum, x, mean, count) => {
    const dg = h.mul(x.sub(mean))
    const dx = h.mul(g.sub(sum.div(count)))
    return [dg, dg.div(count).neg(), dx, dx.neg(), dg.mul(sum).div(count.square())]
  },
  positive,
)

/**
 * d loss / d x of a normalisation over `count` elements, from the sums of `g` and of `g * normal` over them. Divided and
 * not multiplied: a constant `g` minus its mean must be 0.
 */
const normalisedGrad = fused(
  'normalisedGrad',
  ['g', 'sum', 'normal', 'dot', 'count', 'scale', 'weight'],
  '(a - (b + c * d) / e) * f * g',
  (h, g, sum, normal, dot, count, scale, weight) => {
    const both = sum.add(normal.mul(dot)).div(count)
    const inner = g.sub(both)
    const outer = h.mul(scale).mul(weight)
    const shared = outer.div(count).neg()
    return [
      outer,
      shared,
      shared.mul(dot),
      shared.mul(normal),
      outer.mul(both).div(count),
      h.mul(inner).mul(weight),
      h.mul(inner).mul(scale),
    ]
  },
  positive,
)

/** a * b + c * d: how running averages and moments move. */
export const blend = fused('blend', ['a', 'b', 'c', 'd'], 'a * b + c * d', (g, a, b, c, d) => [
  g.mul(b),
  g.mul(a),
  g.mul(d),
  g.mul(c),
])

/** x with mean 0 and variance 1 over some dims, and what that took. */
interface Standardisation {
  readonly normal: Tensor
  /** Per line that was normalised, with dims of size 1 in place of those it runs over. */
  readonly mean: Tensor
  /** The sum of squared differences from the mean. */
  readonly squares: Tensor
  /**
   * From the gradient in `normal` times `weight`, which is one number per line: those in x, in that weight (`dot`) and
   * in a shift (`sum`).
   */
  gradient(g: Tensor, weight: Tensor | number): { dx: Tensor; dot: Tensor; sum: Tensor }
}

/** What all normalisations share. Its gradient takes 5 kernels; through the composition it would take some 20. */
export function standardisation(x: Tensor, over: readonly number[], eps: number): Standardisation {
  const count = sizeOf(over.map((d) => x.shape[d]!))
  const mean = x.mean(over, true)
  const squares = squaredDifference(x, mean).sum(over, true)
  const scale = inverseDeviation(squares, 1 / count, eps)
  const normal = standardised(x, mean, scale)
  return {
    normal,
    mean,
    squares,
    gradient: (g, weight) => {
      const sum = g.sum(over, true)
      const dot = jointDifference(g, sum, x, mean, count).sum(over, true).mul(scale)
      return { dx: normalisedGrad(g, sum, normal, dot, count, scale, weight), dot, sum }
    },
  }
}

/** x [N, C, ...] normalised over dims other than that of its channels, with a weight [C] and a bias [C]. */
export function normaliseChannels(
  name: string,
  x: Tensor,
  over: readonly number[],
  { weight, bias, eps }: { weight: Tensor | undefined; bias: Tensor | undefined; eps: number },
): { y: Tensor; mean: Tensor; squares: Tensor } {
  const { normal, mean, squares, gradient } = standardisation(x, over, eps)
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])]
  const y = withGradient(name, affine(x, normal, weight, bias), inputs, (g) => {
    const { dx, dot, sum } = gradient(g, weight ? perChannel(x, weight) : 1)
    const ofChannels = (lines: Tensor) => (over.includes(0) ? lines : lines.sum(0)).reshape([x.shape[1]!])
    return [dx, ...(weight ? [ofChannels(dot)] : []), ...(bias ? [ofChannels(sum)] : [])]
  })
  return { y, mean, squares }
}

/** [C] in line with dim 1 of x. */
const perChannel = (x: Tensor, t: Tensor): Tensor =>
  t.reshape([x.shape[1]!, ...x.shape.slice(2).map(() => 1)])

/** `normal`, of x's shape, times `weight` [C] plus `bias` [C]. */
export const affine = (
  x: Tensor,
  normal: Tensor,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
): Tensor =>
  weight || bias
    ? scaleShift(normal, weight ? perChannel(x, weight) : 1, bias ? perChannel(x, bias) : 0)
    : normal

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
  if (!training) {
    if (!runningMean || !runningVar)
      throw new ValueError(
        'batchNorm: evaluation needs the running statistics, got none. Give runningMean and runningVar, or set training.',
      )
    const scale = inverseDeviation(perChannel(x, runningVar), 1, eps)
    const normal = standardised(x, perChannel(x, runningMean), scale)
    return {
      y: affine(x, normal, weight, bias),
      runningMean: (before) => before,
      runningVar: (before) => before,
    }
  }

  const over = x.shape.flatMap((_, d) => (d === 1 ? [] : [d]))
  const count = sizeOf(over.map((d) => x.shape[d]!))
  if (count < 2)
    throw new ShapeError(
      `batchNorm: training needs more than one value per channel, got ${show(x.shape)}. Use a larger batch, or evaluate.`,
    )
  const { y, mean, squares } = normaliseChannels('batchNorm', x, over, { weight, bias, eps })
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
