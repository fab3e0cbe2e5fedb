import { readsPlace } from '../../device/coordinates.ts'
import type { Level, MapKernel, ReduceKernel } from '../../device/kernel.ts'
import { type Shape, sameShape, sizeOf, stridesOf } from '../../shape.ts'
import { isContiguous, reshapeView, type View } from '../../view.ts'
import type { Operand, Slots } from './lower.ts'

/** The index space of a joined kernel, and the dims that its rows run along (null while nothing has said). */
export interface Frame {
  readonly space: Shape
  readonly dims: readonly number[] | null
}

/** A step and its place among all. */
export interface Ordered extends Slots {
  readonly order: number
}

/** A step that can be joined with others. */
export interface Loop extends Ordered {
  readonly kernel: MapKernel | (ReduceKernel & { readonly op: 'sum' | 'max' | 'min' })
}

/** A loop inside a frame. */
export interface Placed {
  readonly loop: Loop
  readonly level: Level
  /** Its operands, views over the frame's space. */
  readonly inputs: readonly Operand[]
  /** The level at which a reduction takes its operand. */
  readonly from: Level
}

export function isLoop(step: Ordered): step is Loop {
  const { kernel } = step
  if (sizeOf(kernel.out) === 0 || kernel.inputs.some((v) => v && sizeOf(v.shape) === 0)) return false
  return kernel.kind === 'map' || (kernel.kind === 'reduce' && !kernel.op.startsWith('arg'))
}

/** The frame that a loop has by itself. */
export function frameOf({ kernel }: Loop): Frame {
  if (kernel.kind === 'map') return { space: kernel.out, dims: null }
  const space = kernel.inputs[0]!.shape
  return { space, dims: reducesAll(kernel) ? null : kernel.dims }
}

/** Rows this long keep one thread busy by themselves; with fewer of them than threads, others would idle. */
const LONG_ROW = 2 ** 16
const FEW_ROWS = 8

/**
 * The loop as part of `frame`, reading what the frame's own loops made (`made`) place by place; null where it does not
 * fit. May settle the frame's dims.
 */
export function place(
  loop: Loop,
  frame: Frame,
  made: ReadonlyMap<number, Placed>,
): { readonly placed: Placed; readonly frame: Frame } | null {
  const { kernel } = loop
  if (kernel.kind === 'map') {
    for (const level of ['element', 'row', 'all'] as const) {
      const placed = sized(kernel.out, level, frame) && mapAt(loop, kernel, level, frame, made)
      if (placed) return { placed, frame }
    }
    return null
  }
  return reduceIn(loop, kernel, frame, made)
}

function mapAt(
  loop: Loop,
  kernel: MapKernel,
  level: Level,
  frame: Frame,
  made: ReadonlyMap<number, Placed>,
): Placed | null {
  const usesPlace = readsPlace(kernel.expr)
  if (usesPlace && !(level === 'element' && sameShape(kernel.out, frame.space))) return null
  const inputs = operandsAt(loop, level, frame, made)
  return inputs && { loop, level, inputs, from: level }
}

function reduceIn(
  loop: Loop,
  kernel: ReduceKernel,
  frame: Frame,
  made: ReadonlyMap<number, Placed>,
): { placed: Placed; frame: Frame } | null {
  const from = kernel.inputs[0]!.shape
  if (reducesAll(kernel)) {
    for (const level of ['element', 'row'] as const) {
      const inputs = sized(from, level, frame) && operandsAt(loop, level, frame, made)
      if (inputs) return { placed: { loop, level: 'all', inputs, from: level }, frame }
    }
    return null
  }
  if (!sameShape(from, frame.space)) return null
  const dims = frame.dims ?? kernel.dims
  if (!sameDims(dims, kernel.dims, frame.space)) return null
  const settled = { space: frame.space, dims }
  const inputs = operandsAt(loop, 'element', settled, made)
  return inputs && { placed: { loop, level: 'row', inputs, from: 'element' }, frame: settled }
}

/** The operands as views over the frame's space; null where one cannot be read so. */
function operandsAt(
  { kernel, inputs }: Loop,
  level: Level,
  frame: Frame,
  made: ReadonlyMap<number, Placed>,
): Operand[] | null {
  const operands: Operand[] = []
  for (let i = 0; i < inputs.length; i++) {
    const o = inputs[i]!
    if ('number' in o) {
      operands.push(o)
      continue
    }
    const view = overSpace(kernel.inputs[i]!, level, frame)
    const maker = made.get(o.slot)
    if (!view || (maker && !fits(view, maker.level, level, frame))) return null
    operands.push({ slot: o.slot, view })
  }
  return operands
}

/** A view over a level's shape as one over the whole space. */
function overSpace(view: View, level: Level, { space, dims }: Frame): View | null {
  if (level === 'element') return sameShape(view.shape, space) ? view : reshapeView(view, space)
  if (view.mask) return null
  if (level === 'all') return { shape: space, strides: space.map(() => 0), offset: view.offset, mask: null }
  const kept = keptOf(space, dims!)
  const rows = reshapeView(
    view,
    kept.map((d) => space[d]!),
  )
  if (!rows) return null
  const strides = space.map((_, d) => (kept.includes(d) ? rows.strides[kept.indexOf(d)]! : 0))
  return { shape: space, strides, offset: rows.offset, mask: null }
}

/** Whether the view reads, at each place, what a loop of the frame has made for that very place. */
function fits(view: View, maker: Level, reader: Level, { space, dims }: Frame): boolean {
  if (view.mask || view.offset !== 0) return false
  if (maker === 'element') return reader === 'element' && isContiguous(view)
  if (maker === 'all') return reader === 'all'
  if (reader === 'all') return false
  const kept = keptOf(space, dims!)
  const natural = stridesOf(kept.map((d) => space[d]!))
  const wanted = space.map((_, d) => (kept.includes(d) ? natural[kept.indexOf(d)]! : 0))
  const rows = sizeOf(kept.map((d) => space[d]!))
  if (reader === 'element' && rows < FEW_ROWS && sizeOf(space) / rows > LONG_ROW) return false
  return space.every((n, d) => n === 1 || view.strides[d] === wanted[d])
}

const keptOf = (space: Shape, dims: readonly number[]): number[] =>
  space.map((_, d) => d).filter((d) => !dims.includes(d))

const sameDims = (a: readonly number[], b: readonly number[], space: Shape): boolean =>
  space.every((n, d) => n === 1 || a.includes(d) === b.includes(d))

const reducesAll = ({ inputs, dims }: ReduceKernel): boolean =>
  inputs[0]!.shape.every((n, d) => n === 1 || dims.includes(d))

function sized(shape: Shape, level: Level, { space, dims }: Frame): boolean {
  const n = sizeOf(shape)
  if (level === 'element') return n === sizeOf(space)
  if (level === 'all') return n === 1
  return dims !== null && n === sizeOf(keptOf(space, dims).map((d) => space[d]!))
}
