import { ShapeError, showAll, ValueError } from '../errors.ts'
import { type Draw, declareComposed, type Input } from '../graph/define.ts'
import { broadcastShapes, resolveDim, resolveDims } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { eq, lt, where } from './elementwise.ts'
import { norm } from './statistics.ts'

function checkEps(op: string, eps: number): void {
  if (!(eps >= 0)) throw new ValueError(`${op}: eps must be at least 0, got ${eps}. Choose a small number.`)
}

/**
 * The p-norm distance of every row of `a` to every row of `b`, as `torch.cdist`: a [..., N, D] and b [..., M, D] give
 * [..., N, M]; batch dims broadcast. Taken from the differences themselves, so that equal rows are exactly 0 apart; they
 * get no gradient. Needs room for N * M * D numbers.
 *
 * @throws ShapeError where the rows differ in length or there are fewer than two dims. @throws ValueError where p < 0.
 */
export function cdist(a: Tensor, b: Tensor, p = 2): Tensor {
  if (!(p >= 0)) throw new ValueError(`cdist: p must be at least 0, got ${p}. Use 2 for Euclidean distances.`)
  if (a.rank < 2 || b.rank < 2 || a.shape.at(-1) !== b.shape.at(-1))
    throw new ShapeError(
      `cdist: the rows do not fit, got ${showAll([a.shape, b.shape])}. Expected [..., N, D] and [..., M, D].`,
    )
  broadcastShapes('cdist', [a.shape.slice(0, -2), b.shape.slice(0, -2)])
  return norm(a.unsqueeze(-2).sub(b.unsqueeze(-3)), p, -1)
}

/** Settings of `pairwiseDistance`, in PyTorch's names. */
export interface PairwiseDistanceOptions {
  /** Which norm. Default 2. */
  readonly p?: number
  /** Added to every component of the difference. Default 1e-6. */
  readonly eps?: number
  /** Keep the last dim with size 1. Default false. */
  readonly keepdim?: boolean
}

/**
 * The p-norm of a - b + eps along the last dim, as `torch.nn.functional.pairwise_distance`: [..., D] and [..., D], which
 * broadcast, give [...].
 *
 * @throws ShapeError where the shapes do not broadcast. @throws ValueError where eps is negative.
 */
export function pairwiseDistance(
  a: Tensor,
  b: Tensor,
  { p = 2, eps = 1e-6, keepdim = false }: PairwiseDistanceOptions = {},
): Tensor {
  checkEps('pairwiseDistance', eps)
  const shape = broadcastShapes('pairwiseDistance', [a.shape, b.shape])
  if (shape.length === 0)
    throw new ShapeError(
      `pairwiseDistance: a scalar has no components, got ${showAll([a.shape, b.shape])}. Use sub and abs.`,
    )
  return norm(a.sub(b).add(eps), p, -1, keepdim)
}

/** Settings of `cosineSimilarity`, in PyTorch's names. */
export interface CosineSimilarityOptions {
  /** The dim of the vectors, counted in the broadcast shape. Default 1. */
  readonly dim?: number
  /** Least norm to divide by. Default 1e-8. */
  readonly eps?: number
}

/**
 * The cosine of the angle between the vectors of `a` and `b` along `dim`, as `torch.nn.functional.cosine_similarity`; the
 * shapes broadcast, and the result is without `dim`. A zero vector has similarity 0 and gets and gives no gradient, where
 * PyTorch's is of the order 1 / eps.
 *
 * @throws ShapeError where the shapes do not broadcast or the dim is out of range. @throws ValueError where eps is negative.
 */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  { dim = 1, eps = 1e-8 }: CosineSimilarityOptions = {},
): Tensor {
  checkEps('cosineSimilarity', eps)
  const shape = broadcastShapes('cosineSimilarity', [a.shape, b.shape])
  const along = resolveDim('cosineSimilarity', dim, shape)
  const unit = (x: Tensor) => {
    const sizes = [...shape.map(() => 1), ...x.shape].slice(-shape.length)
    // Only the vectors themselves are stretched: all else broadcasts in the product.
    const whole = x.reshape(sizes).expand(sizes.map((n, d) => (d === along ? shape[d]! : n)))
    return normalize(whole, { dim: along, eps })
  }
  return shape.length === 0
    ? cosineSimilarity(a.reshape([1]), b.reshape([1]), { dim: 0, eps })
    : unit(a).mul(unit(b)).sum(along)
}

/** Settings of `normalize`, in PyTorch's names. */
export interface NormalizeOptions {
  /** Which norm. Default 2. */
  readonly p?: number
  /** The dim, or dims, of the vectors. Default 1. */
  readonly dim?: number | readonly number[]
  /** Least norm to divide by. Default 1e-12. */
  readonly eps?: number
}

/**
 * x / max(norm(x, p, dim), eps), as `torch.nn.functional.normalize`; the shape stays. A zero vector stays zero with
 * gradient 0, where PyTorch's is 1 / eps.
 *
 * @throws ShapeError where a dim is out of range. @throws ValueError where eps is negative.
 */
export function normalize(x: Tensor, { p = 2, dim = 1, eps = 1e-12 }: NormalizeOptions = {}): Tensor {
  checkEps('normalize', eps)
  const length = norm(x, p, resolveDims('normalize', dim, x.shape), true)
  return where(eq(length, 0), 0, x).div(where(lt(length, eps), eps, length))
}

/** Rows on either side of each other, clear of ties. */
const rows = (draw: Draw): { inputs: Input[] } => {
  const [n, m, d] = [draw.size(5), draw.size(5), draw.size(5)]
  const [low, high] = [
    { low: -3, high: -0.5, distinct: true },
    { low: 0.5, high: 3, distinct: true },
  ]
  const [first, second] = draw.pick([
    [low, high],
    [high, low],
  ]) as [typeof low, typeof low]
  return {
    inputs: [
      { shape: [n, d], ...first },
      { shape: [m, d], ...second },
    ],
  }
}

declareComposed(
  'cdist',
  (draw) => ({ inputs: rows(draw).inputs, params: { p: draw.pick([2, 1, 3]) } }),
  ([a, b], { p }) => cdist(a!, b!, p as number),
)
declareComposed(
  'pairwiseDistance',
  (draw) => {
    const [a, b] = rows(draw).inputs as [Input, Input]
    return { inputs: [a, { ...b, shape: [1, b.shape[1]!] }], params: { p: draw.pick([2, 1, 3]) } }
  },
  ([a, b], { p }) => pairwiseDistance(a!, b!, { p: p as number }),
)
declareComposed(
  'cosineSimilarity',
  (draw) => {
    const [a, b] = rows(draw).inputs as [Input, Input]
    const [n, m] = [a.shape[0]!, b.shape[0]!]
    const d = a.shape[1]!
    return {
      inputs: [
        { ...a, shape: [n, 1, d] },
        { ...b, shape: [1, m, d] },
      ],
      params: { dim: 2 },
    }
  },
  ([a, b], { dim }) => cosineSimilarity(a!, b!, { dim: dim as number }),
)
declareComposed(
  'normalize',
  (draw) => {
    const shape = draw.shape(1, 3)
    const domain = draw.pick([
      { low: 0.3, high: 3 },
      { low: -3, high: -0.3 },
    ])
    const params = { dim: draw.int(0, shape.length - 1), p: draw.pick([2, 1, 3]) }
    return { inputs: [{ shape, ...domain }], params }
  },
  ([x], { dim, p }) => normalize(x!, { dim: dim as number, p: p as number }),
)
