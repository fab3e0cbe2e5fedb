import { type Shape, sameShape, sizeOf, stridesOf } from './shape.ts'

/**
 * How a tensor's elements lie in a buffer: element (i0, i1, ...) is at `offset + sum of i_d * strides[d]`, or is 0
 * where some i_d lies outside `mask[d]` = [low, high). Movement ops (permute, expand, slice, pad, flip and most
 * reshapes) only change the view; nothing is copied.
 */
export interface View {
  readonly shape: Shape
  readonly strides: readonly number[]
  readonly offset: number
  readonly mask: readonly Range[] | null
}

/** [low, high): half open. */
export type Range = readonly [low: number, high: number]

/** What `slice` takes along one dim: `start`, then every `step`-th of `size` elements. A negative step walks backwards. */
export interface Steps {
  readonly start: number
  readonly size: number
  readonly step: number
}

export const contiguous = (shape: Shape): View => ({
  shape,
  strides: stridesOf(shape),
  offset: 0,
  mask: null,
})

/** Whether the view's elements are the buffer's first `size` elements in order. */
export function isContiguous(view: View): boolean {
  if (view.offset !== 0 || view.mask !== null) return false
  const strides = stridesOf(view.shape)
  return view.shape.every((n, d) => n === 1 || strides[d] === view.strides[d])
}

export const permuteView = (view: View, dims: readonly number[]): View => ({
  shape: dims.map((d) => view.shape[d]!),
  strides: dims.map((d) => view.strides[d]!),
  offset: view.offset,
  mask: view.mask && dims.map((d) => view.mask![d]!),
})

/** Stretches dims of size 1 (and adds leading ones) up to `shape`. */
export function expandView(view: View, shape: Shape): View {
  if (sameShape(view.shape, shape)) return view
  const lead = shape.length - view.shape.length
  const stretched = (d: number) => d < lead || (view.shape[d - lead] === 1 && shape[d] !== 1)
  return {
    shape,
    strides: shape.map((_, d) => (stretched(d) ? 0 : view.strides[d - lead]!)),
    offset: view.offset,
    mask:
      view.mask &&
      shape.map((n, d) => {
        if (d < lead) return [0, n] as const
        const [low, high] = view.mask![d - lead]!
        return stretched(d) ? ([0, low < high ? n : 0] as const) : ([low, high] as const)
      }),
  }
}

export function sliceView(view: View, steps: readonly Steps[]): View {
  return {
    shape: steps.map((s) => s.size),
    strides: view.strides.map((stride, d) => stride * steps[d]!.step),
    offset: view.offset + view.strides.reduce((sum, stride, d) => sum + stride * steps[d]!.start, 0),
    mask: view.mask?.map((range, d) => sliceRange(range, steps[d]!)) ?? null,
  }
}

/** The i for which `start + i * step` lies in [low, high). */
function sliceRange([low, high]: Range, { start, size, step }: Steps): Range {
  const first = step > 0 ? Math.ceil((low - start) / step) : Math.ceil((start - (high - 1)) / -step)
  const end = step > 0 ? Math.ceil((high - start) / step) : Math.floor((start - low) / -step) + 1
  const clamped = Math.min(Math.max(first, 0), size)
  return [clamped, Math.max(clamped, Math.min(end, size))]
}

/** Adds `before` and `after` zeros on every dim; negative numbers crop. */
export function padView(view: View, padding: readonly Range[]): View {
  const shape = view.shape.map((n, d) => n + padding[d]![0] + padding[d]![1])
  const mask = view.shape.map((n, d): Range => {
    const [low, high] = view.mask?.[d] ?? [0, n]
    const shift = padding[d]![0]
    const clamp = (i: number) => Math.min(Math.max(i, 0), shape[d]!)
    return [clamp(low + shift), clamp(high + shift)]
  })
  return {
    shape,
    strides: view.strides,
    offset: view.offset - view.strides.reduce((sum, stride, d) => sum + stride * padding[d]![0], 0),
    mask: mask.every(([low, high], d) => low === 0 && high === shape[d]) ? null : mask,
  }
}

/** Windows that move along a dim: `places` of them, `stride` apart, each of `size` elements `dilation` apart. */
export interface Windows {
  readonly dim: number
  readonly places: number
  readonly stride: number
  readonly size: number
  readonly dilation: number
}

/** `dim` as places of windows, and a new last dim within them; null where a mask covers part of `dim` (then copy first). */
export function windowsView(view: View, { dim, places, stride, size, dilation }: Windows): View | null {
  const range = view.mask?.[dim]
  if (range && (range[0] > 0 || range[1] < view.shape[dim]!)) return null
  const step = view.strides[dim]!
  const replaced = <T>(list: readonly T[], item: T, last: T) => [
    ...list.map((old, d) => (d === dim ? item : old)),
    last,
  ]
  return {
    shape: replaced(view.shape, places, size),
    strides: replaced(view.strides, step * stride, step * dilation),
    offset: view.offset,
    mask: view.mask && replaced<Range>(view.mask, [0, places], [0, size]),
  }
}

/** The same elements in order under another shape, or null where no strides can say that (then copy first). */
export function reshapeView(view: View, shape: Shape): View | null {
  if (sameShape(view.shape, shape)) return view
  if (isContiguous(view)) return contiguous(shape)
  if (sizeOf(shape) === 0) return { ...contiguous(shape), offset: view.offset }
  const kept = view.shape.flatMap((n, d) => (n === 1 ? [] : [d]))
  if (view.mask !== null) return reshapeOnesOnly(view, kept, shape)

  const strides = new Array<number>(shape.length).fill(0)
  let from = 0
  let to = 0
  while (from < kept.length) {
    // Grow one group of old dims and one of new dims until both hold the same number of elements.
    let oldSize = view.shape[kept[from]!]!
    let fromEnd = from + 1
    let newSize = 1
    const toStart = to
    while (newSize !== oldSize) {
      if (newSize < oldSize) newSize *= shape[to++]!
      else oldSize *= view.shape[kept[fromEnd++]!]!
    }
    for (let k = from; k + 1 < fromEnd; k++) {
      const [outer, inner] = [kept[k]!, kept[k + 1]!]
      if (view.strides[outer] !== view.strides[inner]! * view.shape[inner]!) return null
    }
    let step = view.strides[kept[fromEnd - 1]!]!
    for (let d = to - 1; d >= toStart; d--) {
      strides[d] = step
      step *= shape[d]!
    }
    from = fromEnd
  }
  return { shape, strides, offset: view.offset, mask: null }
}

/** A masked view can only gain or lose dims of size 1. */
function reshapeOnesOnly(view: View, kept: readonly number[], shape: Shape): View | null {
  const emptyOnes = view.mask!.some(([low, high], d) => view.shape[d] === 1 && low === high)
  const target = shape.flatMap((n, d) => (n === 1 ? [] : [d]))
  if (
    emptyOnes ||
    !sameShape(
      kept.map((d) => view.shape[d]!),
      target.map((d) => shape[d]!),
    )
  )
    return null
  const strides = new Array<number>(shape.length).fill(0)
  const mask = new Array<Range>(shape.length).fill([0, 1])
  target.forEach((d, i) => {
    strides[d] = view.strides[kept[i]!]!
    mask[d] = view.mask![kept[i]!]!
  })
  return { shape, strides, offset: view.offset, mask }
}
