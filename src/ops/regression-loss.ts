import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import { type Shape, sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { clamp } from './clamp.ts'
import { lt, where } from './elementwise.ts'
import { fused } from './fused.ts'
import { checkSameShape, drawnPair, type LossOptions, reduceBy } from './loss-options.ts'

/** input - target, which must have one shape. */
function differenceOf(who: string, input: Tensor, target: Tensor): Tensor {
  checkSameShape(who, { input, target }, 'Reshape one of them; losses do not broadcast')
  return input.sub(target)
}

/**
 * (input - target)^2, as `torch.nn.functional.mse_loss`.
 *
 * @throws ShapeError where input and target differ in shape.
 */
export const mseLoss = (input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor =>
  reduceBy(differenceOf('mseLoss', input, target).square(), reduction)

/**
 * |input - target|, as `torch.nn.functional.l1_loss`; its slope is 0 where they are equal.
 *
 * @throws ShapeError where input and target differ in shape.
 */
export const l1Loss = (input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor =>
  reduceBy(differenceOf('l1Loss', input, target).abs(), reduction)

const huber = fused(
  'huber',
  ['difference', 'delta'],
  'Math.abs(a) < b ? 0.5 * a * a : b * (Math.abs(a) - 0.5 * b)',
  (g, d, delta) => [
    g.mul(clamp(d, delta.neg(), delta)),
    where(lt(d.abs(), delta), 0, g.mul(d.abs().sub(delta))),
  ],
  [
    [
      { low: -1, high: 1 },
      { low: 1.3, high: 2 },
    ],
    [
      { low: 1, high: 3 },
      { low: 0.2, high: 0.8 },
    ],
    [
      { low: -3, high: -1 },
      { low: 0.2, high: 0.8 },
    ],
  ],
)

/**
 * Half the square of input - target up to `delta`, linear beyond, as `torch.nn.functional.huber_loss`.
 *
 * @throws ShapeError where input and target differ in shape.
 * @throws ValueError where `delta` is not above 0.
 */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', delta = 1 }: LossOptions & { readonly delta?: number } = {},
): Tensor {
  if (!(delta > 0)) throw new ValueError(`huberLoss: delta must be above 0, got ${delta}. Choose another.`)
  return reduceBy(huber(differenceOf('huberLoss', input, target), delta), reduction)
}

/**
 * Half the square of input - target over `beta` up to `beta`, the absolute difference less beta / 2 beyond, as
 * `torch.nn.functional.smooth_l1_loss`; with beta 0 it is `l1Loss`.
 *
 * @throws ShapeError where input and target differ in shape.
 * @throws ValueError where `beta` is below 0.
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', beta = 1 }: LossOptions & { readonly beta?: number } = {},
): Tensor {
  if (!(beta >= 0))
    throw new ValueError(`smoothL1Loss: beta must be at least 0, got ${beta}. Choose another.`)
  const difference = differenceOf('smoothL1Loss', input, target)
  return reduceBy(beta === 0 ? difference.abs() : huber(difference, beta).div(beta), reduction)
}

/**
 * Minus the log-likelihood of `target` under normal distributions of mean `input` and variance `variance`, as
 * `torch.nn.functional.gaussian_nll_loss`; `full` adds its constant part. The variance has the shape of the input, or
 * that without the last dim or with size 1 there. Below `eps` it counts as eps, and its gradient flows on as if it did
 * not.
 *
 * @throws ShapeError where the shapes do not fit.
 * @throws ValueError where a variance known at build time is below 0.
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  {
    reduction = 'mean',
    full = false,
    eps = 1e-6,
  }: LossOptions & { readonly full?: boolean; readonly eps?: number } = {},
): Tensor {
  const difference = differenceOf('gaussianNllLoss', input, target)
  const spread = alignedVariance(input.shape, variance)
  if (variance.host?.some((v) => v < 0))
    throw new ValueError(
      `gaussianNllLoss: a variance must be at least 0, got ${variance.host.find((v) => v < 0)}. Give variances, not their logarithms.`,
    )
  const bounded = withGradient('atLeastEps', spread.maximum(eps), [spread], (g) => [g])
  const loss = bounded.log().add(difference.square().div(bounded)).mul(0.5)
  return reduceBy(full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction)
}

function alignedVariance(shape: Shape, variance: Tensor): Tensor {
  const outer = shape.slice(0, -1)
  if (sameShape(variance.shape, shape) || sameShape(variance.shape, [...outer, 1])) return variance
  if (shape.length > 0 && sameShape(variance.shape, outer)) return variance.unsqueeze(-1)
  throw new ShapeError(
    `gaussianNllLoss: the variance does not fit the input, got ${showAll([variance.shape, shape])}. Expected ${show(shape)}, ${show(outer)} or ${show([...outer, 1])}.`,
  )
}

const [low, high] = [
  { low: -2, high: -0.5 },
  { low: 0.5, high: 2 },
]
const anywhere = { low: -2, high: 2 }

declareComposed('mseLoss', drawnPair(anywhere, anywhere, [{}]), ([input, target], settings) =>
  mseLoss(input!, target!, settings),
)
declareComposed('l1Loss', drawnPair(low, high, [{}]), ([input, target], settings) =>
  l1Loss(input!, target!, settings),
)
declareComposed(
  'huberLoss',
  drawnPair(low, high, [{ delta: 0.7 }, { delta: 4.5 }]),
  ([input, target], settings) => huberLoss(input!, target!, settings),
)
declareComposed(
  'smoothL1Loss',
  drawnPair(low, high, [{ beta: 0 }, { beta: 0.7 }, { beta: 4.5 }]),
  ([input, target], settings) => smoothL1Loss(input!, target!, settings),
)
declareComposed(
  'gaussianNllLoss',
  (draw) => {
    const shape = draw.shape(1, 3)
    const outer = shape.slice(0, -1)
    return {
      inputs: [
        { shape, ...anywhere },
        { shape, ...anywhere },
        { shape: draw.pick([shape, outer, [...outer, 1]]), low: 0.3, high: 2 },
      ],
      params: { reduction: draw.pick(['mean', 'sum', 'none']), full: draw.pick([false, true]) },
    }
  },
  ([input, target, variance], settings) => gaussianNllLoss(input!, target!, variance!, settings),
)
