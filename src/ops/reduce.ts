import type { ReduceKernel } from '../device/kernel.ts'
import { ShapeError, show } from '../errors.ts'
import { type Draw, declareComposed, defineOp, type Sample } from '../graph/define.ts'
import { reducedShape, resolveDim, resolveDims, sizeOf } from '../shape.ts'
import { type DType, scalar, type Tensor } from '../tensor.ts'
import { eq, where } from './elementwise.ts'

/** Which dims to reduce: one, several, or (undefined) all. */
export type Dims = number | readonly number[] | undefined

type Reduced = { readonly dims: readonly number[] }

/** Reductions keep their dims with size 1 in the graph; dropping them is a reshape. */
function reduction<D extends DType>(
  name: string,
  op: ReduceKernel['op'],
  gives: D,
  vjp: ((g: Tensor, x: Tensor, y: Tensor, params: Reduced) => Tensor) | null,
  distinct = false,
) {
  return defineOp<[Tensor], Reduced, D>(name, {
    gives,
    shape: ([x], { dims }) => {
      if (op !== 'sum' && dims.some((d) => x[d] === 0))
        throw new ShapeError(
          `${name}: nothing to choose from along an empty dim, got ${show(x)}. Check the batch.`,
        )
      return reducedShape(x, dims, true)
    },
    forward: {
      kernel: (inputs, out, { dims }): ReduceKernel => ({ kind: 'reduce', op, inputs, out, dims }),
    },
    vjp: vjp && ((g, [x], y, params) => [vjp(g, x, y as unknown as Tensor, params)]),
    samples: (draw): Sample => {
      const shape = draw.shape(1, 4)
      const single = op === 'argmax' || op === 'argmin'
      const dims = shape.map((_, d) => d).filter(() => draw.int(0, 1) === 1)
      return {
        inputs: [{ shape, distinct }],
        params: { dims: single || dims.length === 0 ? [draw.int(0, shape.length - 1)] : dims },
      }
    },
  })
}

const sumOp = reduction('sum', 'sum', 'float', (g, x) => g.expand(x.shape))
const amaxOp = reduction('amax', 'max', 'float', shareAmongTies, true)
const aminOp = reduction('amin', 'min', 'float', shareAmongTies, true)
const argmaxOp = reduction('argmax', 'argmax', 'int', null, true)
const argminOp = reduction('argmin', 'argmin', 'int', null, true)

/** Elements that tie for the extreme share its gradient evenly, as PyTorch's amax and amin do. */
function shareAmongTies(g: Tensor, x: Tensor, y: Tensor, { dims }: Reduced): Tensor {
  const ties = eq(x, y).toFloat()
  return ties.mul(g.div(ties.sum(dims, true)))
}

/** Removes reduced dims that were kept with size 1, unless they are to stay. */
export function dropped<D extends DType>(
  y: Tensor<D>,
  x: Tensor,
  dims: readonly number[],
  keepdim: boolean,
): Tensor<D> {
  return keepdim ? y : y.reshape(reducedShape(x.shape, dims, false))
}

/** Sum over `dims` (all of them where left out). */
export function sum(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  const over = resolveDims('sum', dims, x.shape)
  return over.length === 0 ? x : dropped(sumOp([x], { dims: over }), x, over, keepdim)
}

/** Mean over `dims` (all of them where left out); NaN over nothing, as in PyTorch. */
export function mean(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  const over = resolveDims('mean', dims, x.shape)
  return sum(x, over, keepdim).div(sizeOf(over.map((d) => x.shape[d]!)))
}

/**
 * Product over `dims` (all of them where left out), as `torch.prod`; 1 over nothing. Nothing is divided out again, so that
 * the gradient holds with zeros among the elements.
 *
 * @throws ShapeError where a dim is out of range or named twice.
 */
export function prod(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  const over = resolveDims('prod', dims, x.shape)
  const lines = linesOver(x, over)
  const shape = reducedShape(x.shape, over, keepdim)
  return lines.shape.at(-1) === 0 ? scalar(1).expand(shape) : productOfLast(lines).reshape(shape)
}

/** The dims that are reduced as one last dim. */
export function linesOver(x: Tensor, over: readonly number[]): Tensor {
  const kept = x.shape.map((_, d) => d).filter((d) => !over.includes(d))
  const n = sizeOf(over.map((d) => x.shape[d]!))
  return x.permute([...kept, ...over]).reshape([...kept.map((d) => x.shape[d]!), n])
}

/** Halves the last dim until one element is left. */
function productOfLast(x: Tensor): Tensor {
  const n = x.shape.at(-1)!
  if (n === 1) return x
  const half = Math.floor(n / 2)
  const part = (from: number, to: number) =>
    x.slice(x.shape.map((_, d) => (d === x.rank - 1 ? [from, to] : null)))
  const paired = productOfLast(part(0, half).mul(part(half, 2 * half)))
  return n % 2 === 0 ? paired : paired.mul(part(n - 1, n))
}

/** Largest value over `dims`; ties share the gradient evenly. */
export function amax(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  const over = resolveDims('amax', dims, x.shape)
  return over.length === 0 ? x : dropped(amaxOp([x], { dims: over }), x, over, keepdim)
}

/** Smallest value over `dims`; ties share the gradient evenly. */
export function amin(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  const over = resolveDims('amin', dims, x.shape)
  return over.length === 0 ? x : dropped(aminOp([x], { dims: over }), x, over, keepdim)
}

/** Place of the first largest value along `dim`; over all elements (flattened) where `dim` is left out. */
export function argmax(x: Tensor, dim?: number, keepdim = false): Tensor<'int'> {
  return place(argmaxOp, 'argmax', x, dim, keepdim)
}

/** Place of the first smallest value along `dim`; over all elements (flattened) where `dim` is left out. */
export function argmin(x: Tensor, dim?: number, keepdim = false): Tensor<'int'> {
  return place(argminOp, 'argmin', x, dim, keepdim)
}

function place(
  op: typeof argmaxOp,
  name: string,
  x: Tensor,
  dim: number | undefined,
  keepdim: boolean,
): Tensor<'int'> {
  if (dim === undefined) {
    const at = op([x.reshape([x.size])], { dims: [0] })
    return at.reshape(keepdim ? x.shape.map(() => 1) : [])
  }
  const along = resolveDim(name, dim, x.shape)
  const line = x.rank === 0 ? x.reshape([1]) : x
  return dropped(op([line], { dims: [along] }), line, [along], keepdim && x.rank > 0)
}

/**
 * Largest value along `dim`: the gradient goes to the first one that ties. Over all elements where `dim` is left out:
 * ties share it evenly. Both as PyTorch does.
 */
export function max(x: Tensor, dim?: number, keepdim = false): Tensor {
  return dim === undefined ? amax(x) : chosen('max', argmaxOp, x, dim, keepdim)
}

/** Smallest value along `dim`; see `max`. */
export function min(x: Tensor, dim?: number, keepdim = false): Tensor {
  return dim === undefined ? amin(x) : chosen('min', argminOp, x, dim, keepdim)
}

function chosen(name: string, op: typeof argmaxOp, x: Tensor, dim: number, keepdim: boolean): Tensor {
  const at = place(op, name, x, dim, true)
  if (x.rank === 0) return x
  const value = x.gather(dim, at)
  return keepdim ? value : value.squeeze(dim)
}

/** log(sum(exp(x))) over `dims`, shifted by the maximum: finite for every finite input. */
export function logSumExp(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  const over = resolveDims('logSumExp', dims, x.shape)
  if (over.length === 0) return x
  const top = amax(x.detach(), over, true)
  // An infinite maximum must not make inf - inf; the shift drops out of value and gradient alike. Only 0 and the
  // infinities are their own halves; top - top a GL compiler may take for 0.
  const shift = where(eq(top.mul(0.5), top), 0, top)
  const total = sum(x.sub(shift).exp(), over, true)
  // Nothing but -Infinity sums to 0: the value is -Infinity, and no gradient flows, where 0 / 0 would be NaN.
  const y = where(eq(total, 0), 1, total).log().add(top)
  return dropped(y, x, over, keepdim)
}

/** exp(x) divided by its sum along `dim`. */
export const softmax = (x: Tensor, dim: number): Tensor => {
  const along = resolveDim('softmax', dim, x.shape)
  const shifted = x.sub(amax(x.detach(), along, true)).exp()
  return shifted.div(sum(shifted, along, true))
}

/** log(softmax(x, dim)) without ever leaving log space. */
export const logSoftmax = (x: Tensor, dim: number): Tensor => {
  const along = resolveDim('logSoftmax', dim, x.shape)
  const shifted = x.sub(amax(x.detach(), along, true))
  return shifted.sub(sum(shifted.exp(), along, true).log())
}

const alongOne = (draw: Draw, low = -5, high = 5): Sample => {
  const shape = draw.shape(1, 3)
  return { inputs: [{ shape, low, high, distinct: true }], params: { dim: draw.int(0, shape.length - 1) } }
}

declareComposed(
  'mean',
  (draw) => alongOne(draw),
  ([x], { dim }) => mean(x!, dim as number),
)
declareComposed(
  'prod',
  (draw) => alongOne(draw, -2, 2),
  ([x], { dim }) => prod(x!, dim as number),
)
declareComposed(
  'max',
  (draw) => alongOne(draw),
  ([x], { dim }) => max(x!, dim as number),
)
declareComposed(
  'min',
  (draw) => alongOne(draw),
  ([x], { dim }) => min(x!, dim as number),
)
declareComposed(
  'logSumExp',
  (draw) => alongOne(draw),
  ([x], { dim }) => logSumExp(x!, dim as number),
)
declareComposed(
  'softmax',
  (draw) => alongOne(draw),
  ([x], { dim }) => softmax(x!, dim as number),
)
declareComposed(
  'logSoftmax',
  (draw) => alongOne(draw),
  ([x], { dim }) => logSoftmax(x!, dim as number),
)
