import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { checkDType, declareComposed } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import { broadcastShapes, resolveDim, type Shape, sizeOf, stridesOf } from '../shape.ts'
import { type AnyTensor, type DType, scalar, type Tensor, tensor } from '../tensor.ts'
import { where } from './elementwise.ts'
import { checkRange, gather, scatterAdd } from './indexing.ts'
import { expand } from './movement.ts'

/**
 * The slices of `x` that `index` [K] names along `dim`, as `torch.index_select`: [..., K, ...]. Labels and masks can be
 * chosen from too, for example to shuffle a batch with its labels.
 *
 * @throws ShapeError where the index has more than one dim, or `x` none.
 * @throws ValueError where an index known at build time is out of range.
 */
export function indexSelect<D extends DType>(x: Tensor<D>, dim: number, index: Tensor<'int'>): Tensor<D> {
  const along = checkPlaces('indexSelect', x, dim, index)
  return gather(x, along, acrossSlices(x.shape, along, index))
}

/**
 * `x` with the slices of `source` added at the places that `index` [K] names along `dim`, times `alpha`, as
 * `torch.index_add`; a place named twice receives both.
 *
 * @throws ShapeError where `source` is not `x` with K slices. @throws ValueError where an index known at build time is
 * out of range.
 */
export function indexAdd(
  x: Tensor,
  dim: number,
  index: Tensor<'int'>,
  source: Tensor,
  { alpha = 1 }: { readonly alpha?: number } = {},
): Tensor {
  const along = checkPlaces('indexAdd', x, dim, index)
  const wanted = x.shape.map((n, d) => (d === along ? index.size : n))
  if (source.rank !== x.rank || source.shape.some((n, d) => n !== wanted[d]))
    throw new ShapeError(
      `indexAdd: the source does not fit, got ${showAll([source.shape, x.shape])} with ${index.size} indices along dim ${along}. Expected ${show(wanted)}.`,
    )
  const added = alpha === 1 ? source : source.mul(alpha)
  return scatterAdd(x, along, acrossSlices(x.shape, along, index), added)
}

/** The index [K] for every line along `dim`; copies nothing. */
const acrossSlices = (shape: Shape, dim: number, index: Tensor<'int'>): Tensor<'int'> =>
  expand(
    index.reshape(shape.map((_, d) => (d === dim ? index.size : 1))),
    shape.map((n, d) => (d === dim ? index.size : n)),
  )

function checkPlaces(op: string, x: AnyTensor, dim: number, index: Tensor<'int'>): number {
  checkDType(op, index, 'int')
  if (index.rank > 1)
    throw new ShapeError(
      `${op}: the index must have one dim, got ${show(index.shape)}. Use gather, or flatten it.`,
    )
  if (x.rank === 0)
    throw new ShapeError(`${op}: a scalar has no dim to choose from, got []. Reshape it to [1] first.`)
  const along = resolveDim(op, dim, x.shape)
  checkRange(op, index, x.shape[along]!)
  return along
}

export interface EmbeddingOptions {
  /** The row that receives no gradient; a negative one counts from the end. */
  readonly paddingIdx?: number | undefined
}

/**
 * The rows of `weight` [V, E] that `index` names, as `F.embedding`: an index of any shape gives [...index, E].
 *
 * @throws ShapeError where the weight is no matrix.
 * @throws ValueError where an index known at build time, or `paddingIdx`, is out of range.
 */
export function embedding(
  index: Tensor<'int'>,
  weight: Tensor,
  { paddingIdx }: EmbeddingOptions = {},
): Tensor {
  checkDType('embedding', index, 'int')
  checkDType('embedding', weight, 'float')
  if (weight.rank !== 2)
    throw new ShapeError(`embedding: expected a weight [rows, width], got ${show(weight.shape)}. Reshape it.`)
  const [rows, width] = weight.shape as [number, number]
  checkRange('embedding', index, rows)
  const found = indexSelect(weight, 0, index.reshape([index.size])).reshape([...index.shape, width])
  if (paddingIdx === undefined) return found
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
    throw new ValueError(
      `embedding: paddingIdx ${paddingIdx} is out of range, got a weight ${show(weight.shape)}. Use ${-rows} to ${rows - 1}.`,
    )
  const row = paddingIdx < 0 ? paddingIdx + rows : paddingIdx
  return where(index.toFloat().eq(row).unsqueeze(-1), found.detach(), found)
}

/**
 * The elements of `x` where the mask is set, in order, as `torch.masked_select`: a tensor [K]; `x` and the mask
 * broadcast. How many there are is part of the shape, so the mask must be a tensor of values, not one still to be
 * computed: `maskedSelect(x, tensor(await mask.data(), mask.shape))`. Each number of elements is compiled anew; where a
 * training step can keep the shape, `where` is cheaper.
 *
 * @throws ShapeError where the shapes do not broadcast. @throws ValueError where the mask is not computed yet.
 */
export function maskedSelect<D extends DType>(x: Tensor<D>, mask: Tensor<'bool'>): Tensor<D> {
  checkDType('maskedSelect', mask, 'bool')
  const shape = broadcastShapes('maskedSelect', [x.shape, mask.shape])
  if (mask.host === null)
    throw new ValueError(
      `maskedSelect: the mask decides the shape and is not computed yet, got ${mask}. Give it as tensor(await mask.data(), mask.shape), or keep the shape with where.`,
    )
  const chosen = placesSet(mask.host, mask.shape, shape)
  const flat = expand(x, shape).reshape([sizeOf(shape)])
  if (chosen.length === 0) return flat.slice([[0, 0]])
  if (flat.dtype !== 'float') return gather(flat, 0, tensor(chosen))
  return taken(flat as Tensor, chosen) as Tensor as Tensor<D>
}

/** Where in `shape`, in order, a mask that broadcasts to it is set. */
function placesSet(host: ArrayLike<number>, from: Shape, shape: Shape): Int32Array {
  const lead = shape.length - from.length
  const strides = stridesOf(from)
  const steps = shape.map((_, d) => (d < lead || from[d - lead] === 1 ? 0 : strides[d - lead]!))
  const found: number[] = []
  const coords = new Array<number>(shape.length).fill(0)
  const size = sizeOf(shape)
  let at = 0
  for (let i = 0; i < size; i++) {
    if (host[at]) found.push(i)
    for (let d = shape.length - 1; d >= 0; d--) {
      at += steps[d]!
      if (++coords[d]! < shape[d]!) break
      at -= steps[d]! * shape[d]!
      coords[d] = 0
    }
  }
  return Int32Array.from(found)
}

/** The elements at distinct places. Each place knows its element, so the gradient looks it up instead of searching. */
function taken(x: Tensor, places: Int32Array): Tensor {
  return withGradient('maskedSelect', gather(x, 0, tensor(places)), [x], (g) => [put(g, places, x.size)])
}

/** Elements at distinct places of [size], among zeros. */
function put(g: Tensor, places: Int32Array, size: number): Tensor {
  const ranks = new Int32Array(size)
  const filled = new Uint8Array(size)
  places.forEach((place, rank) => {
    ranks[place] = rank
    filled[place] = 1
  })
  const y = where(tensor(filled), gather(g, 0, tensor(ranks)), scalar(0))
  return withGradient('maskedPut', y, [g], (h) => [taken(h, places)])
}

declareComposed(
  'indexSelect',
  (draw) => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    return {
      inputs: [{ shape }, { shape: [draw.size(7)], dtype: 'int', low: 0, high: shape[dim]! - 1 }],
      params: { dim },
    }
  },
  ([x, index], { dim }) => indexSelect(x!, dim as number, index as AnyTensor as Tensor<'int'>),
)

declareComposed(
  'indexAdd',
  (draw) => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    const count = draw.size(7)
    return {
      inputs: [
        { shape },
        { shape: [count], dtype: 'int', low: 0, high: shape[dim]! - 1 },
        { shape: shape.map((n, d) => (d === dim ? count : n)) },
      ],
      params: { dim, alpha: draw.pick([1, -0.5]) },
    }
  },
  ([x, index, source], { dim, alpha }) =>
    indexAdd(x!, dim as number, index as AnyTensor as Tensor<'int'>, source!, { alpha: alpha as number }),
)

// paddingIdx withholds a gradient that finite differences see: test/ops/indexing.test.ts has it.
declareComposed(
  'embedding',
  (draw) => {
    const rows = draw.size(7)
    return {
      inputs: [
        { shape: draw.shape(0, 2), dtype: 'int', low: 0, high: rows - 1 },
        { shape: [rows, draw.size(5)] },
      ],
    }
  },
  ([index, weight]) => embedding(index as AnyTensor as Tensor<'int'>, weight!),
)

declareComposed(
  'maskedSelect',
  (draw) => ({
    inputs: [{ shape: draw.shape(1, 3) }],
    params: { every: draw.int(1, 3), wide: draw.pick([true, false]) },
  }),
  ([x], { every, wide }) => {
    const mask = (shape: Shape) =>
      tensor(
        Uint8Array.from({ length: sizeOf(shape) }, (_, i) => Number(i % (every as number) === 0)),
        shape,
      )
    return maskedSelect(x!, mask(wide ? x!.shape : x!.shape.slice(-1)))
  },
)
