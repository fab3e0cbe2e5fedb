import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { type Draw, declareComposed, defineOp, type Input, type Sampler } from '../graph/define.ts'
import { broadcastShapes, type Shape, sameShape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { eq, gt, together, where } from './elementwise.ts'
import { checkSameShape, type LossOptions, type Reduction, reduceBy } from './loss-options.ts'
import { logSoftmax } from './reduce.ts'

/**
 * Pointwise target * (log target - input), as `torch.nn.functional.kl_div`: `input` are log-probabilities, `target`
 * probabilities (log-probabilities with `logTarget`), both of one shape. A target of 0 contributes 0. 'batchmean' (the
 * mathematical divergence) sums and divides by the first size; 'mean' divides by the number of elements.
 *
 * @throws ShapeError where the shapes differ.
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  {
    reduction = 'mean',
    logTarget = false,
  }: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {},
): Tensor {
  checkSameShape('klDiv', { input, target }, 'Give log-probabilities and probabilities of the same batch')
  const loss = logTarget
    ? weighted(target.exp(), target.sub(input))
    : weighted(target, where(gt(target, 0), target, 1).log().sub(input))
  return reduction === 'batchmean' ? loss.sum().div(input.shape[0] ?? 1) : reduceBy(loss, reduction)
}

/** p * d, where a probability of 0 gives 0 even if d is infinite. */
const weighted = (p: Tensor, d: Tensor): Tensor => p.mul(where(gt(p, 0), d, 0))

/** Settings of losses over class labels, in PyTorch's names. */
export interface ClassLossOptions extends LossOptions {
  /** [C]: what each class counts. 'mean' divides by the sum of what the labels count. */
  readonly weight?: Tensor | undefined
  /** Positions with this label give no loss and no gradient. Default -100. */
  readonly ignoreIndex?: number
}

/** Settings of `crossEntropy`, in PyTorch's names. */
export interface CrossEntropyOptions extends ClassLossOptions {
  /** How much of the target is spread evenly over all classes, 0 to 1. Default 0. */
  readonly labelSmoothing?: number
}

/** The dim of the classes: after the batch, or the only one. */
const classDim = (shape: Shape): number => (shape.length === 1 ? 0 : 1)

/** One position per label: the shape without the classes. */
const positionsOf = (shape: Shape): Shape => shape.filter((_, d) => d !== classDim(shape))

/** Whether a target is labels [N] rather than class probabilities [N, C]. */
export const isLabels = (target: Tensor<'int'> | Tensor): target is Tensor<'int'> => target.dtype === 'int'

/** Throws where a label known on the host is no class. */
export function checkLabels(
  who: string,
  labels: Tensor<'int'>,
  classes: number,
  ignoreIndex: number | null = null,
): void {
  const bad =
    labels.host?.findIndex((label) => label !== ignoreIndex && (label < 0 || label >= classes)) ?? -1
  if (bad >= 0)
    throw new ValueError(
      `${who}: label ${labels.host![bad]} of sample ${bad} is out of range, got ${classes} classes. Use 0 to ${classes - 1}.`,
    )
}

const keptLabelsOp = defineOp<[Tensor<'int'>, Tensor], Record<never, never>, 'int'>('keptLabels', {
  takes: ['int', 'float'],
  gives: 'int',
  shape: ([labels, ignored]) => broadcastShapes('keptLabels', [labels, ignored]),
  forward: { expr: 'a == b ? 0.0 : a' },
  vjp: null,
  samples: (draw) => {
    const shape = draw.shape(1, 2)
    return {
      inputs: [
        { shape, dtype: 'int', low: 0, high: 3 },
        { shape, values: new Array<number>(sizeOf(shape)).fill(2) },
      ],
    }
  },
})

/** Labels in the form in which losses look them up. */
interface Lookup {
  /** The labels, 0 where ignored. */
  readonly labels: Tensor<'int'>
  /** Which positions are ignored; null where none is. */
  readonly ignored: Tensor<'bool'> | null
}

function lookupOf(labels: Tensor<'int'>, ignoreIndex: number): Lookup {
  // Labels known on the host mostly ignore nothing, and then need no kernels of their own.
  if (labels.host && !labels.host.includes(ignoreIndex)) return { labels, ignored: null }
  const ignored = eq(labels.toFloat(), ignoreIndex)
  const operands = together('keptLabels', [labels, ignoreIndex]) as [Tensor<'int'>, Tensor]
  return { labels: keptLabelsOp(operands, {}), ignored }
}

/** x where its position counts, else 0. */
const counted = (x: Tensor, { ignored }: Lookup): Tensor => (ignored ? where(ignored, 0, x) : x)

/** The class scores of the labels: one per position. */
function scoresAt(input: Tensor, { labels }: Lookup): Tensor {
  const dim = classDim(input.shape)
  return input.gather(dim, labels.unsqueeze(dim)).squeeze(dim)
}

/** What each position counts: the weight of its class; null where all count 1. */
function weightsAt(weight: Tensor | undefined, lookup: Lookup): Tensor | null {
  const { labels } = lookup
  if (weight) return counted(weight.gather(0, labels.reshape([labels.size])).reshape(labels.shape), lookup)
  return lookup.ignored ? lookup.ignored.toFloat().neg().add(1) : null
}

/** 'mean' over what the positions count; 0 where none does, instead of PyTorch's 0 / 0. */
function reduceCounted(loss: Tensor, counts: Tensor | null, reduction: Reduction): Tensor {
  if (reduction !== 'mean' || !counts) return reduceBy(loss, reduction)
  const total = counts.sum()
  return loss.sum().div(where(eq(total, 0), 1, total))
}

function checkWeight(who: string, weight: Tensor | undefined, classes: number): void {
  if (weight && !sameShape(weight.shape, [classes]))
    throw new ShapeError(
      `${who}: weight does not fit the classes, got ${show(weight.shape)} for ${classes} classes. Give one weight per class, [${classes}].`,
    )
}

/**
 * Minus the log-probability of each label, as `torch.nn.functional.nll_loss`: `input` are log-probabilities [N, C],
 * [N, C, d1, ...] or [C], `target` labels [N], [N, d1, ...] or [].
 *
 * @throws ShapeError where they do not belong to one batch, or `weight` is not [C].
 * @throws ValueError where a label known at build time is neither in 0 to C - 1 nor `ignoreIndex`.
 */
export function nllLoss(
  input: Tensor,
  target: Tensor<'int'>,
  { reduction = 'mean', weight, ignoreIndex = -100 }: ClassLossOptions = {},
): Tensor {
  if (input.rank === 0)
    throw new ShapeError(
      `nllLoss: expected log-probabilities [N, C], got ${show(input.shape)}. Reshape them.`,
    )
  const positions = positionsOf(input.shape)
  if (!isLabels(target) || !sameShape(target.shape, positions))
    throw new ShapeError(
      `nllLoss: the target does not fit the input, got ${showAll([input.shape, target.shape])}. Expected labels ${show(positions)}.`,
    )
  const classes = input.shape[classDim(input.shape)]!
  checkWeight('nllLoss', weight, classes)
  checkLabels('nllLoss', target, classes, ignoreIndex)
  const lookup = lookupOf(target, ignoreIndex)
  const counts = weightsAt(weight, lookup)
  const scores = counted(scoresAt(input, lookup), lookup).neg()
  return reduceCounted(weight && counts ? scores.mul(counts) : scores, counts, reduction)
}

/**
 * Cross-entropy of logits [N, C], [N, C, d1, ...] or [C] against labels [N], [N, d1, ...] or [], or against class
 * probabilities of the logits' shape, as `torch.nn.functional.cross_entropy`.
 *
 * @throws ShapeError where they do not belong to one batch, or `weight` is not [C].
 * @throws ValueError where a label known at build time is neither in 0 to C - 1 nor `ignoreIndex`.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor<'int'> | Tensor,
  { reduction = 'mean', weight, ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  const dim = classDim(logits.shape)
  const positions = positionsOf(logits.shape)
  const fits = sameShape(target.shape, isLabels(target) ? positions : logits.shape)
  if (logits.rank === 0 || (logits.rank === 1 && !fits))
    throw new ShapeError(`crossEntropy: expected logits [N, C], got ${show(logits.shape)}. Reshape them.`)
  if (labelSmoothing < 0 || labelSmoothing > 1)
    throw new ValueError(
      `crossEntropy: labelSmoothing must be between 0 and 1, got ${labelSmoothing}. Choose another.`,
    )
  if (!fits)
    throw new ShapeError(
      `crossEntropy: the target does not fit the logits, got ${showAll([logits.shape, target.shape])}. Expected labels ${show(positions)} or probabilities ${show(logits.shape)}.`,
    )
  const classes = logits.shape[dim]!
  checkWeight('crossEntropy', weight, classes)
  const logP = logSoftmax(logits, dim)
  const perClass = weight?.reshape(logits.shape.map((_, d) => (d === dim ? classes : 1)))
  const scores = perClass ? logP.mul(perClass) : logP
  const smooth = (hard: Tensor) =>
    labelSmoothing === 0 ? hard : hard.mul(1 - labelSmoothing).add(scores.mean(dim).neg().mul(labelSmoothing))
  if (!isLabels(target)) {
    const loss = smooth(weighted(target, scores).sum(dim).neg())
    return reduceBy(loss, reduction)
  }
  checkLabels('crossEntropy', target, classes, ignoreIndex)
  const lookup = lookupOf(target, ignoreIndex)
  const loss = counted(smooth(scoresAt(scores, lookup).neg()), lookup)
  return reduceCounted(loss, weightsAt(weight, lookup), reduction)
}

const labelledInputs = (draw: Draw, spatial: boolean): Input[] => {
  const [n, c] = [draw.size(), 1 + draw.size(7)]
  const positions = spatial ? [n, draw.size(3), draw.size(3)] : [n]
  return [
    { shape: [n, c, ...positions.slice(1)], low: -5, high: 5 },
    { shape: positions, dtype: 'int', low: 0, high: c - 1 },
    { shape: [c], low: 0.3, high: 2 },
  ]
}

/** With and without class weights, ignored labels and positions beside the batch. */
const labelled: Sampler = (draw) => {
  const inputs = labelledInputs(draw, draw.pick([false, true]))
  return {
    inputs: draw.pick([inputs, inputs.slice(0, 2)]),
    params: {
      reduction: draw.pick(['mean', 'sum', 'none']),
      ignoreIndex: draw.pick([-100, 1]),
      labelSmoothing: draw.pick([0, 0.3]),
    },
  }
}

declareComposed('nllLoss', labelled, ([input, target, weight], settings) =>
  nllLoss(input!, target as unknown as Tensor<'int'>, { ...settings, weight }),
)
declareComposed('crossEntropy', labelled, ([input, target, weight], settings) =>
  crossEntropy(input!, target!, { ...settings, weight }),
)
declareComposed(
  'crossEntropySoft',
  (draw) => {
    const [logits, , weight] = labelledInputs(draw, draw.pick([false, true])) as [Input, Input, Input]
    const target = { shape: logits.shape, low: 0.1, high: 1 }
    return {
      inputs: draw.pick([
        [logits, target],
        [logits, target, weight],
      ]),
      params: { reduction: draw.pick(['mean', 'sum', 'none']), labelSmoothing: draw.pick([0, 0.3]) },
    }
  },
  ([input, target, weight], settings) => crossEntropy(input!, target!, { ...settings, weight }),
)
declareComposed(
  'klDiv',
  (draw) => {
    const shape = draw.shape(2, 2)
    return {
      inputs: [
        { shape, low: -3, high: 0 },
        { shape, low: 0.2, high: 1 },
      ],
      params: { reduction: draw.pick(['mean', 'sum', 'none', 'batchmean']) },
    }
  },
  ([input, target], { reduction }) => klDiv(input!, target!, { reduction: reduction as Reduction }),
)
