import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import {
  type Apply,
  type Draw,
  declareComposed,
  defineOp,
  type Params,
  type Sample,
} from '../graph/define.ts'
import { checkSizes, resolveDim, resolveDims, type Shape, sameShape, sizeOf } from '../shape.ts'
import { type AnyTensor, type DType, noParams, type Tensor } from '../tensor.ts'
import { expandView, padView, permuteView, type Range, reshapeView, type Steps, sliceView } from '../view.ts'

const anyKind = { takes: ['any'], gives: 'same' } as const

const reshapeOp = defineOp<[AnyTensor], { shape: Shape }, DType>('reshape', {
  ...anyKind,
  shape: (_, { shape }) => shape,
  forward: { view: (view, { shape }) => reshapeView(view, shape) },
  vjp: (g, [x]) => [g.reshape(x.shape)],
  samples: (draw) => {
    const [a, b, c] = [draw.size(6), draw.size(6), draw.size(6)]
    return {
      inputs: [{ shape: [a, b, c] }],
      params: { shape: draw.pick([[a * b, c], [a, b * c], [a * b * c]]) },
    }
  },
})

/**
 * The same elements in the same order under another shape; one size may be -1 and is found.
 *
 * @throws ShapeError where the sizes do not multiply to the number of elements.
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1)
  const found = shape.map((n) => (n === -1 ? (known === 0 ? 0 : x.size / known) : n))
  const valid = shape.filter((n) => n === -1).length <= 1 && found.every((n) => Number.isInteger(n) && n >= 0)
  if (!valid || sizeOf(found) !== x.size)
    throw new ShapeError(
      `reshape: ${x.size} elements do not fit, got ${show(x.shape)} for ${show(shape)}. Choose sizes whose product is ${x.size}; at most one may be -1.`,
    )
  return sameShape(found, x.shape) ? x : (reshapeOp([x], { shape: found }) as Tensor<D>)
}

const permuteOp = defineOp<[AnyTensor], { dims: readonly number[] }, DType>('permute', {
  ...anyKind,
  shape: ([x], { dims }) => dims.map((d) => x[d]!),
  forward: { view: (view, { dims }) => permuteView(view, dims) },
  vjp: (g, _, __, { dims }) => [g.permute(dims.map((_, d) => dims.indexOf(d)))],
  samples: (draw) => ({
    inputs: [{ shape: draw.shape(3, 3) }],
    params: {
      dims: draw.pick([
        [0, 2, 1],
        [1, 2, 0],
        [2, 1, 0],
      ]),
    },
  }),
})

/** The dims in another order: `permute(x, [0, 2, 1])` of [A, B, C] is [A, C, B]. */
export function permute<D extends DType>(x: Tensor<D>, dims: readonly number[]): Tensor<D> {
  const order = dims.map((d) => resolveDim('permute', d, x.shape))
  if (order.length !== x.rank || new Set(order).size !== x.rank)
    throw new ShapeError(
      `permute: dims ${show(dims)} are not an order of all dims, got ${show(x.shape)}. Name each of the ${x.rank} dims once.`,
    )
  return permuteOp([x], { dims: order }) as Tensor<D>
}

/** Two dims swapped; without arguments the last two. */
export function transpose<D extends DType>(x: Tensor<D>, dim0 = -2, dim1 = -1): Tensor<D> {
  const a = resolveDim('transpose', dim0, x.shape)
  const b = resolveDim('transpose', dim1, x.shape)
  return permute(
    x,
    x.shape.map((_, d) => (d === a ? b : d === b ? a : d)),
  )
}

const expandOp = defineOp<[AnyTensor], { shape: Shape }, DType>('expand', {
  ...anyKind,
  shape: (_, { shape }) => shape,
  forward: { view: (view, { shape }) => expandView(view, shape) },
  vjp: (g, [x]) => [sumTo(g, x.shape)],
  samples: (draw) => {
    const shape = draw.shape(1, 4)
    const narrow = shape.map((n) => draw.pick([n, 1]))
    return { inputs: [{ shape: narrow.slice(draw.int(0, 1)) }], params: { shape } }
  },
})

/** Undoes an expansion: sums over every dim that was stretched or added. This is where broadcasting ends. */
function sumTo(g: Tensor, shape: Shape): Tensor {
  const lead = g.rank - shape.length
  const stretched = g.shape.flatMap((n, d) => (d < lead || (shape[d - lead] === 1 && n !== 1) ? [d] : []))
  return (stretched.length > 0 ? g.sum(stretched) : g).reshape(shape)
}

/** Dims of size 1 repeated, and leading dims added, up to `shape`; -1 keeps a size. Copies nothing. */
export function expand<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const lead = shape.length - x.rank
  const wanted = shape.map((n, d) => (n === -1 && d >= lead ? x.shape[d - lead]! : n))
  checkSizes('expand', wanted)
  if (lead < 0 || x.shape.some((n, d) => n !== 1 && n !== wanted[lead + d]))
    throw new ShapeError(
      `expand: only dims of size 1 can be stretched, got ${showAll([x.shape, shape])}. Reshape first, or repeat the values.`,
    )
  return sameShape(wanted, x.shape) ? x : (expandOp([x], { shape: wanted }) as Tensor<D>)
}

const sliceOp = defineOp<[AnyTensor], { steps: readonly Steps[] }, DType>('slice', {
  ...anyKind,
  shape: (_, { steps }) => steps.map((s) => s.size),
  forward: { view: (view, { steps }) => sliceView(view, steps) },
  vjp: (g, [x], _, { steps }) => [unslice(g, x.shape, steps)],
  samples: (draw) => {
    const shape = draw.shape(1, 3)
    const steps = shape.map((n) => {
      const start = draw.int(0, n - 1)
      const step = draw.pick([1, 1, 2, -1])
      const most = step > 0 ? Math.ceil((n - start) / step) : start + 1
      return { start, size: draw.int(1, most), step }
    })
    return { inputs: [{ shape }], params: { steps } }
  },
})

/** Puts a slice back among zeros: spread by |step|, padded, and flipped where the step was negative. */
export function unslice(g: Tensor, shape: Shape, steps: readonly Steps[]): Tensor {
  const flipped = steps.some((s) => s.step < 0)
    ? flip(
        g,
        steps.flatMap((s, d) => (s.step < 0 ? [d] : [])),
      )
    : g
  // Without neighbours there is nothing to set apart.
  const every = steps.map((s) => (s.size > 1 ? Math.abs(s.step) : 1))
  const ranges = steps.map((s, d): Range => {
    const spread = (s.size - 1) * every[d]! + 1
    const low = s.step > 0 ? s.start : s.start - (spread - 1)
    return [low, shape[d]! - low - spread]
  })
  return padded(spread(flipped, every), ranges)
}

/** Puts `step - 1` zeros between neighbours: [n] becomes [(n - 1) * step + 1]. */
function spread(x: Tensor, every: readonly number[]): Tensor {
  if (every.every((step) => step === 1)) return x
  const apart = x.reshape(x.shape.flatMap((n) => [n, 1]))
  const gaps = every.flatMap((step): Range[] => [
    [0, 0],
    [0, step - 1],
  ])
  const merged = padded(apart, gaps).reshape(x.shape.map((n, d) => n * every[d]!))
  return padded(
    merged,
    every.map((step): Range => [0, 1 - step]),
  )
}

/** `[start, stop, step]` of a dim: negative positions count from the end, `null` or a missing entry takes it all. */
export type SliceRange = readonly [start?: number, stop?: number, step?: number] | null

/**
 * `slice(x, [[0, 2], null, [0, 5, 2]])` takes rows 0 and 1, all of dim 1 and every second of the first five of dim 2.
 *
 * @throws ShapeError where there are more ranges than dims.
 * @throws ValueError where a step is not a positive integer, or a position no integer.
 */
export function slice<D extends DType>(x: Tensor<D>, ranges: readonly SliceRange[]): Tensor<D> {
  if (ranges.length > x.rank)
    throw new ShapeError(
      `slice: more ranges than dims, got ${ranges.length} for ${show(x.shape)}. Give at most ${x.rank}.`,
    )
  const steps = x.shape.map((n, d): Steps => {
    const [start = 0, stop = n, step = 1] = ranges[d] ?? []
    if (!Number.isInteger(step) || step < 1)
      throw new ValueError(
        `slice: the step must be a positive integer, got ${step}. Use flip to walk backwards.`,
      )
    if (!Number.isInteger(start) || !Number.isInteger(stop))
      throw new ValueError(
        `slice: positions must be integers, got ${start} to ${stop} along dim ${d} of ${show(x.shape)}. Round them.`,
      )
    const clamp = (i: number) => Math.min(Math.max(i < 0 ? i + n : i, 0), n)
    const from = clamp(start)
    return { start: from, size: Math.max(0, Math.ceil((clamp(stop) - from) / step)), step }
  })
  return sliceOp([x], { steps }) as Tensor<D>
}

/** The elements along `dims` in reverse order. */
export function flip<D extends DType>(x: Tensor<D>, dims: number | readonly number[]): Tensor<D> {
  const reversed = resolveDims('flip', dims, x.shape)
  const steps = x.shape.map(
    (n, d): Steps =>
      reversed.includes(d) && n > 0 ? { start: n - 1, size: n, step: -1 } : { start: 0, size: n, step: 1 },
  )
  return sliceOp([x], { steps }) as Tensor<D>
}

type Pad = { padding: readonly Range[] }

const padOp: Apply<[AnyTensor], Pad, DType> = defineOp('pad', {
  ...anyKind,
  shape: ([x], { padding }) => x.map((n, d) => n + padding[d]![0] + padding[d]![1]),
  forward: { view: (view, { padding }) => padView(view, padding) },
  vjp: (g, _, __, { padding }) => [
    padded(
      g,
      padding.map(([a, b]): Range => [-a, -b]),
    ),
  ],
  samples: (draw: Draw) => {
    const shape = draw.shape(1, 4)
    return {
      inputs: [{ shape }],
      params: { padding: shape.map((n) => [draw.int(0, 2), n > 1 ? draw.int(-1, 2) : draw.int(0, 2)]) },
    }
  },
})

/** Zeros around a tensor, `[before, after]` for each dim; negative numbers crop. */
export const padded = <D extends DType>(x: Tensor<D>, padding: readonly Range[]): Tensor<D> =>
  padOp([x], { padding }) as Tensor<D>

/** Without dims of size 1: all of them, or those of `dim` whose size is 1. */
export function squeeze<D extends DType>(x: Tensor<D>, dim?: number | readonly number[]): Tensor<D> {
  const chosen = resolveDims('squeeze', dim, x.shape)
  return reshape(
    x,
    x.shape.filter((n, d) => n !== 1 || !chosen.includes(d)),
  )
}

/** A dim of size 1 inserted before `dim`. */
export function unsqueeze<D extends DType>(x: Tensor<D>, dim: number): Tensor<D> {
  const at = resolveDim('unsqueeze', dim, [...x.shape, 1])
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])
}

/** Dims `startDim` to `endDim` as one. */
export function flatten<D extends DType>(x: Tensor<D>, startDim = 0, endDim = -1): Tensor<D> {
  const first = resolveDim('flatten', startDim, x.shape)
  const last = resolveDim('flatten', endDim, x.shape)
  if (first > last)
    throw new ShapeError(
      `flatten: startDim ${startDim} comes after endDim ${endDim}, got ${show(x.shape)}. Swap them.`,
    )
  return reshape(x, [
    ...x.shape.slice(0, first),
    sizeOf(x.shape.slice(first, last + 1)),
    ...x.shape.slice(last + 1),
  ])
}

const detachOp = defineOp<[AnyTensor], Params, DType>('detach', {
  ...anyKind,
  shape: ([x]) => x,
  forward: { view: (view) => view },
  vjp: null,
  samples: (draw) => ({ inputs: [{ shape: draw.shape(0, 3) }] }),
})

/** The same values, through which no gradient flows. */
export const detach = <D extends DType>(x: Tensor<D>): Tensor<D> => detachOp([x], noParams) as Tensor<D>

const toFloatOp = defineOp<[AnyTensor]>('toFloat', {
  takes: ['any'],
  shape: ([x]) => x,
  forward: { view: (view) => view },
  vjp: null,
  samples: (draw) => ({ inputs: [{ shape: draw.shape(0, 3), dtype: 'int', low: -5, high: 5 }] }),
})

/** Labels or a mask as numbers. */
export const toFloat = (x: AnyTensor): Tensor =>
  x.dtype === 'float' ? (x as Tensor) : toFloatOp([x], noParams)

const oneOf = (draw: Draw): Sample => {
  const shape = draw.shape(1, 3)
  return { inputs: [{ shape }], params: { dim: draw.int(0, shape.length - 1) } }
}

declareComposed('flip', oneOf, ([x], { dim }) => flip(x!, dim as number))
declareComposed('unsqueeze', oneOf, ([x], { dim }) => unsqueeze(x!, dim as number))
declareComposed('squeeze', oneOf, ([x], { dim }) => squeeze(x!, dim as number))
declareComposed('flatten', oneOf, ([x], { dim }) => flatten(x!, dim as number))
declareComposed('transpose', oneOf, ([x], { dim }) => transpose(x!, dim as number, 0))
