import { costOf, type Program, valueAt } from './program.ts'
import type { Access } from './space.ts'

/**
 * Where vectors lie. `line`: no rows; vectors along a kept dim. `tile`: the same, four vectors side by side along a
 * second dim. `row`: vectors along a row, whose reductions end with one across lanes. `column`: each lane is a row of
 * its own.
 */
export interface Schedule {
  readonly mode: 'line' | 'tile' | 'row' | 'column'
  /** The dim along which vectors lie. */
  readonly lane: number
  /** The second dim of tiles. */
  readonly beside: number | null
  /** Other kept dims in order: a unit of work has one coordinate in each. */
  readonly units: readonly number[]
  /** Other dims of rows in order. */
  readonly inner: readonly number[]
  /** Nanoseconds that the whole takes, roughly. */
  readonly cost: number
}

/** The schedule that should take the least time. */
export function scheduleOf(program: Program): Schedule {
  const { dims } = program.space
  const candidates = dims.flatMap((dim, lane): Omit<Schedule, 'cost'>[] => {
    const others = (reduced: boolean) =>
      dims.flatMap((other, d) => (d !== lane && other.reduced === reduced ? [d] : []))
    const [units, inner] = [others(false), others(true)]
    const mode = dim.reduced ? 'row' : inner.length > 0 ? 'column' : 'line'
    const simple = { mode, lane, beside: null, units, inner } as const
    if (mode !== 'line') return [simple]
    const tiles = units
      .filter((beside) => mayTile(program, lane, beside))
      .map((beside) => ({
        ...simple,
        mode: 'tile' as const,
        beside,
        units: units.filter((d) => d !== beside),
      }))
    return [simple, ...tiles]
  })
  return candidates
    .map((candidate) => ({ ...candidate, cost: costOfSchedule(program, candidate) }))
    .reduce((best, next) => (next.cost <= best.cost ? next : best))
}

/** Whether there may be tiles: they overlap where they do not fit, so nothing may be counted. */
function mayTile({ space, totals }: Program, lane: number, beside: number): boolean {
  const accesses = accessesIn(space)
  return (
    totals.length === 0 &&
    space.dims[lane]!.size >= 4 &&
    space.dims[beside]!.size >= 4 &&
    accesses.every(({ ranges }) => ranges[beside] === null) &&
    accesses.some((access) => isTransposed(access, lane, beside))
  )
}

/** Whether a buffer is best read in vectors along the second dim of tiles. */
export const isTransposed = ({ strides, ranges }: Access, lane: number, beside: number): boolean =>
  Math.abs(strides[beside]!) === 1 && Math.abs(strides[lane]!) > 2 && ranges.every((range) => range === null)

/** The buffers that a kernel reads or writes in its space. */
export const accessesIn = (space: Program['space']): Access[] =>
  [...space.inputs, ...space.outputs].flatMap((access) => (access && access !== 'zero' ? [access] : []))

/** Nanoseconds for one instruction on a vector. */
const INSTRUCTION = 0.1

function costOfSchedule(program: Program, { mode, lane, beside }: Omit<Schedule, 'cost'>): number {
  const { kernel, space, along, live } = program
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
  for (const access of accessesIn(space))
    work += beside !== null && isTransposed(access, lane, beside) ? 4 : costOfAccess(access, lane)
  const lines = size((d) => d !== lane)
  const loops = {
    line: 2 * lines,
    tile: vectors / 2,
    row: size((d) => !space.dims[d]!.reduced) * (1 + 1.5 * reductions) + lines,
    column: vectors / 4,
  }
  return vectors * work * INSTRUCTION + loops[mode]
}

/** Instructions for four elements. */
function costOfAccess({ strides, ranges }: Access, lane: number): number {
  const stride = Math.abs(strides[lane]!)
  const moving = stride === 0 ? 0.3 : stride === 1 ? 1 : stride === 2 ? 3 : 9
  return moving + (ranges[lane] ? 2 : 0)
}
