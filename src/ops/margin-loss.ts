import { ShapeError, showAll } from '../errors.ts'
import { type Draw, declareComposed } from '../graph/define.ts'
import { type Shape, sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { clamp } from './clamp.ts'
import { pairwiseDistance } from './distance.ts'
import { eq, where } from './elementwise.ts'
import { checkSameShape, type LossOptions, reduceBy } from './loss-options.ts'

/** Settings of losses that ask for a distance, in PyTorch's names. */
export interface MarginLossOptions extends LossOptions {
  readonly margin?: number
}

/** max(x, 0), through which the gradient flows at 0 too, as PyTorch's losses have it. */
const hinge = (x: Tensor): Tensor => clamp(x, 0)

/**
 * max(0, margin - target * (input1 - input2)), as `torch.nn.functional.margin_ranking_loss`: `target` is 1 where
 * input1 should be larger by the margin (default 0), -1 where input2 should.
 *
 * @throws ShapeError where the shapes differ.
 */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor<'int'> | Tensor,
  { reduction = 'mean', margin = 0 }: MarginLossOptions = {},
): Tensor {
  checkSameShape('marginRankingLoss', { input1, input2 }, 'Give the scores of the same pairs')
  checkTarget('marginRankingLoss', target, input1.shape)
  const lead = input1.sub(input2).mul(target.toFloat())
  return reduceBy(hinge(lead.neg().add(margin)), reduction)
}

/** PyTorch adds this to each squared length, so that a zero vector has cosine 0 and finite gradients. */
const LENGTH_EPS = 1e-12

/**
 * 1 - cosine where `target` is 1, max(0, cosine - margin) where it is -1, as
 * `torch.nn.functional.cosine_embedding_loss`: vectors [N, D] with target [N], or one pair [D] with target [].
 *
 * @throws ShapeError where the shapes do not fit.
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor<'int'> | Tensor,
  { reduction = 'mean', margin = 0 }: MarginLossOptions = {},
): Tensor {
  checkSameShape('cosineEmbeddingLoss', { input1, input2 }, 'Give vectors of the same pairs')
  if (input1.rank !== 1 && input1.rank !== 2)
    throw new ShapeError(
      `cosineEmbeddingLoss: expected vectors [N, D] or [D], got ${showAll([input1.shape])}. Reshape them.`,
    )
  checkTarget('cosineEmbeddingLoss', target, input1.shape.slice(0, -1))
  const length = (x: Tensor) => x.square().sum(-1).add(LENGTH_EPS).sqrt()
  const cosine = input1
    .mul(input2)
    .sum(-1)
    .div(length(input1).mul(length(input2)))
  const sign = target.toFloat()
  const apart = where(eq(sign, -1), hinge(cosine.sub(margin)), 0)
  return reduceBy(where(eq(sign, 1), cosine.neg().add(1), apart), reduction)
}

/** Settings of `tripletMarginLoss`, in PyTorch's names. */
export interface TripletMarginOptions extends MarginLossOptions {
  /** Which norm measures distances. Default 2. */
  readonly p?: number
  /** Added to each component of a difference. Default 1e-6. */
  readonly eps?: number
  /** Also keep the negative away from the positive, if that is nearer. Default false. */
  readonly swap?: boolean
}

/**
 * max(0, margin + |anchor - positive| - |anchor - negative|) of vectors [N, D] or [D], as
 * `torch.nn.functional.triplet_margin_loss`. Default margin 1.
 *
 * @throws ShapeError where the shapes differ.
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { reduction = 'mean', margin = 1, p = 2, eps = 1e-6, swap = false }: TripletMarginOptions = {},
): Tensor {
  checkSameShape('tripletMarginLoss', { anchor, positive }, 'Give vectors of the same triplets')
  checkSameShape('tripletMarginLoss', { anchor, negative }, 'Give vectors of the same triplets')
  const distance = (a: Tensor, b: Tensor) => pairwiseDistance(a, b, { p, eps })
  const far = distance(anchor, negative)
  const nearest = swap ? far.minimum(distance(positive, negative)) : far
  return reduceBy(hinge(distance(anchor, positive).sub(nearest).add(margin)), reduction)
}

function checkTarget(who: string, target: Tensor<'int'> | Tensor, wanted: Shape): void {
  if (!sameShape(target.shape, wanted))
    throw new ShapeError(
      `${who}: the target does not fit the inputs, got ${showAll([target.shape])} for ${showAll([wanted])}. Give 1 or -1 for each pair.`,
    )
}

/** Signs 1 and -1 for as many pairs. */
const signs = (count: number): number[] => Array.from({ length: count }, (_, k) => (k % 3 === 1 ? -1 : 1))

/** A margin on each side of the kink, which is far from what the inputs below can reach. */
const someMargin = (draw: Draw, margins: readonly number[]) => ({
  margin: draw.pick(margins),
  reduction: draw.pick(['mean', 'sum', 'none']),
})

declareComposed(
  'marginRankingLoss',
  (draw) => {
    const shape = [draw.size()]
    return {
      inputs: [{ shape }, { shape }, { shape, dtype: 'int', values: signs(shape[0]!) }],
      params: someMargin(draw, [5, -5]),
    }
  },
  ([a, b, target], settings) => marginRankingLoss(a!, b!, target!, settings),
)
declareComposed(
  'cosineEmbeddingLoss',
  (draw) => {
    const [n, d] = [draw.size(7), draw.size(7)]
    const vectors = { shape: [n, d], low: 0.2, high: 2 }
    return {
      inputs: [vectors, vectors, { shape: [n], dtype: 'int', values: signs(n) }],
      params: someMargin(draw, [-0.5, 1.5]),
    }
  },
  ([a, b, target], settings) => cosineEmbeddingLoss(a!, b!, target!, settings),
)
declareComposed(
  'tripletMarginLoss',
  (draw) => {
    const shape = [draw.size(7), draw.size(7)]
    return {
      // Components that never meet keep the distances and the choice of the nearest away from kinks.
      inputs: [
        { shape, low: -3, high: -2 },
        { shape, low: -1, high: 0 },
        { shape, low: draw.pick([3, 1.2]), high: 4 },
      ],
      params: {
        ...someMargin(draw, [30, -30]),
        p: draw.pick([1, 2, 3]),
        swap: draw.pick([false, true]),
      },
    }
  },
  ([a, positive, negative], settings) => tripletMarginLoss(a!, positive!, negative!, settings),
)
