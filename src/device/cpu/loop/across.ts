import { type Index, i32, index, select, type V128 } from '../wasm/expr.ts'
import type { Local } from '../wasm/func.ts'
import { i32x4 } from '../wasm/simd.ts'
import { type Accumulator, accumulator, laneMask, masked, RUN } from './accumulate.ts'
import { type Frame, FramePlace, type Position } from './frame.ts'
import { type Design, LEVELS, type Nest } from './nest.ts'
import type { Pass } from './passes.ts'
import { costOf, type Program } from './program.ts'
import { Scope } from './values.ts'

/** Vectors of rows that a unit takes side by side, and how many such groups a line of rows has. */
export interface Groups {
  readonly width: number
  readonly count: number
  /** They share no row, and none is left over. */
  readonly exact: boolean
}

/** How a line of `size` rows is divided where each lane is a row. */
export function groupsOf({ kernel, along, live, space }: Program, lane: number): Groups {
  let work = 0
  let reductions = 0
  for (const operand of live) {
    if ([...along[operand]!].some((d) => space.dims[d]!.reduced)) work += costOf(kernel, operand)
    if (operand >= kernel.inputs.length && kernel.values[operand - kernel.inputs.length]!.kind === 'reduce')
      reductions++
  }
  const { size } = space.dims[lane]!
  const vectors = Math.ceil(size / 4)
  // Neighbours in a cache line belong together; each has a register per reduction.
  const most = Math.min(work > 60 ? 2 : reductions > 2 || work > 16 ? 4 : 8, vectors)
  const even = Array.from({ length: most }, (_, k) => most - k).find((width) => vectors % width === 0)!
  const width = even > most / 2 ? even : most
  return {
    width,
    count: Math.ceil(vectors / width),
    exact: size % 4 === 0 && vectors % width === 0,
  }
}

export function unitsAcross({ program, schedule }: Design): number {
  const { count } = groupsOf(program, schedule.lane)
  return schedule.units.reduce((product, d) => product * program.space.dims[d]!.size, count)
}

/** Goes through the units in [from, to), each lane a row. */
export function goAcross(nest: Nest, from: Index, to: Index): void {
  const { program, schedule } = nest.design
  const columns = new Columns(nest, groupsOf(program, schedule.lane))
  const sizes = schedule.units.map((d) => program.space.dims[d]!.size)
  nest.overUnits([...sizes, columns.groups.count], from, to, (coordinates) => columns.unit(coordinates))
}

/** One vector of rows in a unit. */
interface Column {
  readonly position: Position
  /** Which of the unit's frames it is in. */
  readonly frame: number
  /** The lanes that no other unit counts; null for all. */
  readonly counted: V128 | null
  readonly scope: Scope
}

class Columns {
  readonly groups: Groups
  readonly #nest: Nest
  readonly #size: number
  /** Per pass, steps since its sums were settled. */
  readonly #since: ReadonlyMap<Pass, Local<'i32'>>

  constructor(nest: Nest, groups: Groups) {
    const { program, schedule, passes } = nest.design
    this.#nest = nest
    this.groups = groups
    this.#size = program.space.dims[schedule.lane]!.size
    this.#since = new Map(passes.passes.map((pass) => [pass, nest.f.let(i32.const(0))]))
  }

  unit(coordinates: readonly Local<'i32'>[]): void {
    const nest = this.#nest
    const { f } = nest
    const { schedule, passes } = nest.design
    const unit = nest.unitFrame(schedule.units, coordinates)
    const scope = new Scope(new FramePlace(f, unit, null), nest.outermost)
    const { frames, columns } = this.#columns(unit, scope, coordinates.at(-1)!)
    for (const pass of passes.passes) this.#pass(pass, scope, frames, columns)
    columns.forEach(({ position, frame, scope: own, counted }, copy) => {
      nest.afterRows(own, new FramePlace(f, frames[frame]!, position), copy, counted)
    })
    nest.settleRows(1)
  }

  /** The vectors of rows that belong to a group. Where groups do not divide the line, the last ones overlap. */
  #columns(unit: Frame, scope: Scope, group: Local<'i32'>): { frames: Frame[]; columns: Column[] } {
    const nest = this.#nest
    const { f } = nest
    const { lane: dim } = nest.design.schedule
    const { width, exact } = this.groups
    const size = this.#size
    const kept = [...nest.design.scratch.values()]
    const started = (start: Index, k: number): Frame => {
      const [frame] = nest.deeper([unit], dim, start, [...unit.addresses.keys()])
      const addresses = new Map(frame!.addresses)
      // What is kept lies by the place in the group.
      for (const access of kept) addresses.set(access, f.let(i32.add(unit.addresses.get(access)!, 16 * k)))
      return { ...frame!, addresses }
    }
    const column = (
      position: Omit<Position, 'dim' | 'moving'>,
      frame: number,
      counted: V128 | null,
    ): Column => {
      const at = { ...position, dim, moving: null }
      // Nothing is read through this scope before the frames are there.
      return { position: at, frame, counted, scope: new Scope(new FramePlace(f, frames[frame]!, at), scope) }
    }
    const frames: Frame[] = []
    if (exact) {
      const start = f.let(i32.mul(group, 4 * width))
      frames.push(started(start, 0))
      return {
        frames,
        columns: Array.from({ length: width }, (_, k) =>
          column({ first: i32.add(start, 4 * k), plus: 4 * k, count: 4 }, 0, null),
        ),
      }
    }
    if (size < 4) {
      frames.push(started(0, 0))
      return { frames, columns: [column({ first: 0, plus: 0, count: size }, 0, laneMask(0, size))] }
    }
    const least = (a: Index, b: number) => f.let(select(i32.ltS(a, b), index(a), i32.const(b)))
    const own = f.let(i32.mul(group, width))
    const vector = least(own, Math.ceil(size / 4) - width)
    const columns = Array.from({ length: width }, (_, k) => {
      const start = least(i32.mul(i32.add(vector, k), 4), size - 4)
      frames.push(started(start, k))
      return column(
        { first: start, plus: 0, count: 4 },
        k,
        this.#counted(start, own, f.let(i32.add(vector, k))),
      )
    })
    return { frames, columns }
  }

  /** The lanes from `start` that lie in no earlier vector of the line, nor in an earlier group than `own`'s. */
  #counted(start: Local<'i32'>, own: Local<'i32'>, vector: Local<'i32'>): V128 | null {
    const { f, totals } = this.#nest
    if (totals.size === 0) return null
    const first = select(i32.ltS(vector, own), own, vector)
    const lanes = i32x4.add(i32x4.splat(start), i32x4.lanes([0, 1, 2, 3]))
    return f.let(i32x4.geS(lanes, i32x4.splat(i32.shl(first, 2))))
  }

  #pass(pass: Pass, scope: Scope, frames: readonly Frame[], columns: readonly Column[]): void {
    const nest = this.#nest
    const { f, values, totals } = nest
    const { schedule, program } = nest.design
    const isShared = (operand: number) =>
      !program.along[operand]!.has(schedule.lane) && !program.operands[operand]!.afterRow
    const level = (wanted: number) => (operand: number) => nest.levelOf(operand) === wanted
    const atUnit = level(LEVELS.unit)
    values.prepare(pass.needs, scope, (operand) => atUnit(operand) && isShared(operand))
    for (const column of columns) values.prepare(pass.needs, column.scope, atUnit)

    const sizes = schedule.inner.map((d) => program.space.dims[d]!.size)
    const long = sizes.reduce((a, b) => a * b, 1) > RUN
    const rows = new Map(
      pass.reduces
        .filter((reduction) => !totals.has(reduction))
        .map((reduction) => [reduction, accumulator(f, nest.opOf(reduction), columns.length, long)]),
    )
    for (const row of rows.values()) row.reset()
    // What rows come to must not depend on those before them.
    const since = this.#since.get(pass)!
    if (long) f.set(since, i32.const(0))
    const add = (reduction: number, value: V128, { counted }: Column, k: number) => {
      const row = rows.get(reduction)
      if (row) row.add(value, k)
      else totals.get(reduction)!.add(counted ? masked(f, nest.opOf(reduction), value, counted) : value, k)
    }
    const accesses = nest.accessesOf(pass)
    const step = (at: readonly Frame[]) => {
      const shared = new Scope(new FramePlace(f, at[0]!, null), scope)
      values.prepare(pass.needs, shared, level(LEVELS.line))
      columns.forEach((column, k) => {
        const place = new FramePlace(f, at[column.frame]!, column.position)
        nest.vector(pass, place, new Scope(place, column.scope, shared), (reduction, value) =>
          add(reduction, value, column, k),
        )
      })
    }
    const sums = pass.reduces
      .filter((reduction) => nest.opOf(reduction) === 'sum' && (totals.has(reduction) || long))
      .map((reduction): Accumulator => totals.get(reduction) ?? rows.get(reduction)!)
    const last = schedule.inner.at(-1)!
    nest.overDims(schedule.inner.slice(0, -1), frames, accesses, (outer) => {
      const at = f.local('i32')
      const steps = (from: Index, to: Index) =>
        f.for(at, from, to, 1, () => step(nest.deeper(outer, last, at, accesses)))
      const size = sizes.at(-1)!
      if (size <= RUN) {
        steps(0, size)
        if (sums.length > 0) nest.settleAfter(since, size, RUN, sums)
      } else {
        const block = f.local('i32')
        f.for(block, 0, size, RUN, () => {
          const end = f.let(i32.add(block, RUN))
          steps(block, f.let(select(i32.ltS(end, size), end, i32.const(size))))
          for (const sum of sums) sum.settle()
        })
      }
    })
    if (long) for (const reduction of pass.reduces) totals.get(reduction)?.settle()
    for (const [reduction, row] of rows)
      columns.forEach((column, k) => {
        column.scope.set(reduction, f.let(row.lanes(k)))
      })
  }
}
