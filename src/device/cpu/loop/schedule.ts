import { costOf, type Program, valueAt } from './program.ts'
import type { Access } from './space.ts'

/**
 * Where vectors lie. `line`: no rows; vectors along a kept dim. `row`: vectors along a row, whose reductions end with
 * one across lanes. `column`: each lane is a row of its own.
 */
export interface Schedule {
  readonly mode: 'line' | 'row' | 'column'
  /** The dim along which vectors lie. */
  readonly lane: number
  /** Kept dims in order, without the lanes': a unit of work has one coordinate in each. */
  readonly units: readonly number[]
  /** Dims of rows in order, without the lanes'. */
  readonly inner: readonly number[]
  /** Nanoseconds that the whole takes, roughly. */
  readonly cost: number
}

/** The schedule that should take the least time. */
export function scheduleOf(program: Program): Schedule {
  const { dims } = program.space
  const others = (lane: number, reduced: boolean) =>
    dims.flatMap((dim, d) => (d !== lane && dim.reduced === reduced ? [d] : []))
  return dims
    .map((dim, lane): Schedule => {
      const inner = others(lane, true)
      const mode = dim.reduced ? 'row' : inner.length > 0 ? 'column' : 'line'
      return { mode, lane, units: others(lane, false), inner, cost: costAlong(program, mode, lane) }
    })
    .reduce((best, next) => (next.cost <= best.cost ? next : best))
}

/** Nanoseconds for one instruction on a vector. */
const INSTRUCTION = 0.1

function costAlong({ kernel, space, along, live }: Program, mode: Schedule['mode'], lane: number): number {
  const size = (keep: (dim: number) => boolean) =>
    space.dims.reduce((product, dim, d) => (keep(d) ? product * dim.size : product), 1)
  const vectors = size((d) => d !== lane) * Math.ceil(space.dims[lane]!.size / 4)
  const anyRows = space.dims.some(({ reduced }) => reduced)
  const perElement = (id: number) => [...along[id]!].some((d) => !anyRows || space.dims[d]!.reduced)
  let work = 1
  let reductions = 0
  for (const id of live) {
    const value = valueAt(kernel, id)
    if (value && perElement(id)) work += costOf(kernel, id)
    if (value?.kind === 'reduce' && value.from === 'element') {
      work += 3
      if (value.to === 'row') reductions++
    }
  }
  for (const access of [...space.inputs, ...space.outputs])
    if (access && access !== 'zero') work += costOfAccess(access, lane)
  const loops =
    mode === 'row'
      ? size((d) => !space.dims[d]!.reduced) * (4 + 6 * reductions) + 2 * size((d) => d !== lane)
      : mode === 'line'
        ? 3 * size((d) => d !== lane)
        : vectors / 4
  return vectors * work * INSTRUCTION + loops
}

/** Instructions for four elements. */
function costOfAccess({ strides, ranges }: Access, lane: number): number {
  const stride = strides[lane]!
  const moving = stride === 0 ? 0.3 : stride === 1 ? 1 : Math.abs(stride) <= 2 ? 3 : 8
  return moving + (ranges[lane] ? 2 : 0)
}
