import { sizeOf } from '../../../shape.ts'
import { type Index, i32, index, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { type Accumulator, accumulator, laneMask, masked, RUN } from './accumulate.ts'
import { deeper, type Frame, FramePlace } from './frame.ts'
import type { Pass, Passes } from './passes.ts'
import { argsOf, type Program, valueAt } from './program.ts'
import type { Schedule } from './schedule.ts'
import type { Access } from './space.ts'
import { neededFor, type Place, Scope, Values } from './values.ts'

/** A kernel with all choices made. */
export interface Design {
  readonly program: Program
  readonly schedule: Schedule
  readonly passes: Passes
  /** Where values that passes keep lie in scratch memory; `offset` counts from its start. */
  readonly scratch: ReadonlyMap<number, Access>
  readonly scratchBytes: number
}

/** What operands belong to: the whole routine, a unit, a run of elements that vectors walk along, or each vector. */
export const LEVELS = { routine: 0, unit: 1, line: 2, vector: 3 } as const

/** What all ways through the space share while a routine is written. */
export class Nest {
  readonly f: Func
  readonly design: Design
  readonly values: Values
  /** At the start of every buffer. */
  readonly base: Frame
  readonly outermost: Scope
  /** Reductions over everything, of what the routine goes through. */
  readonly totals: ReadonlyMap<number, Accumulator>
  readonly #all: readonly Access[]
  readonly #rowsSince: Local<'i32'> | null

  /** `copies` of each total are added to in turn. */
  constructor(f: Func, design: Design, copies: number) {
    const { program, passes, scratch } = design
    this.f = f
    this.design = design
    this.values = new Values(f, program)
    const addresses = new Map<Access, Local<'i32'>>()
    this.#all = [
      ...new Set([...passes.passes.flatMap((pass) => this.accessesOf(pass)), ...this.#accessesAfter()]),
    ]
    for (const access of this.#all) {
      const at = [...scratch.values()].includes(access) ? f.scratch : f.pointer(access.argument)
      addresses.set(access, access.offset === 0 ? at : f.let(i32.add(at, 4 * access.offset)))
    }
    this.base = { addresses, coordinates: new Map(), insides: new Map() }
    this.outermost = new Scope(new FramePlace(f, this.base, null))
    const needed = new Set([
      ...passes.passes.flatMap((pass) => [...pass.needs]),
      ...neededFor(program, this.#rootsAfter()),
    ])
    this.values.prepare(needed, this.outermost, (operand) => this.levelOf(operand) === LEVELS.routine)
    this.totals = new Map(
      program.totals.map((operand) => [operand, accumulator(f, this.opOf(operand), copies, true)]),
    )
    for (const total of this.totals.values()) total.reset()
    this.#rowsSince = passes.after.reduces.length > 0 ? f.let(i32.const(0)) : null
  }

  opOf(operand: number): 'sum' | 'max' | 'min' {
    const value = valueAt(this.design.program.kernel, operand)!
    return (value as Extract<typeof value, { kind: 'reduce' }>).op
  }

  argOf(reduction: number): number {
    return argsOf(this.design.program.kernel, reduction)[0]!
  }

  /** Buffers that a pass reads or writes. */
  accessesOf({ needs, stores, keeps, kept }: Pass): Access[] {
    const { program } = this.design
    return [
      ...this.#inputsAmong([...needs].filter((operand) => !kept.has(operand))),
      ...stores.map((s) => program.space.outputs[s]!),
      ...[...keeps, ...kept].map((operand) => this.keptAt(operand)),
    ]
  }

  /** Where a value lies that a pass keeps for a later one: in its output, where it has one. */
  keptAt(operand: number): Access {
    const { program, scratch } = this.design
    const store = program.kernel.stores.findIndex(
      ({ value, level }) => value === operand && level === 'element',
    )
    return store < 0 ? scratch.get(operand)! : program.space.outputs[store]!
  }

  /** How deep in the loops an operand changes. */
  levelOf(operand: number): number {
    const { program, schedule } = this.design
    const along = program.along[operand]!
    const { afterRow } = program.operands[operand]!
    const inner = schedule.inner.some((d) => along.has(d))
    // In columns, a row's reductions differ from lane to lane.
    const { lane, beside, mode } = schedule
    const perLane =
      along.has(lane) || (beside !== null && along.has(beside)) || (mode === 'column' && afterRow)
    if (perLane && (inner || mode !== 'column')) return LEVELS.vector
    if (inner) return LEVELS.line
    return afterRow || along.size > 0 ? LEVELS.unit : LEVELS.routine
  }

  /** Calls `body` for each unit in [from, to) of a grid with the coordinates along its dims. */
  overUnits(
    sizes: readonly number[],
    from: Index,
    to: Index,
    body: (coordinates: readonly Local<'i32'>[]) => void,
  ): void {
    const { f } = this
    const unit = f.local('i32')
    if (sizes.length <= 1) {
      f.for(unit, from, to, 1, () => body(sizes.length === 0 ? [] : [unit]))
      return
    }
    const coordinates = sizes.map((_, d) => {
      // Of an empty grid no unit is asked for, but the code must divide.
      const above = Math.max(1, sizeOf(sizes.slice(d + 1)))
      const quotient = above === 1 ? index(from) : i32.divU(from, above)
      return f.let(d === 0 ? quotient : i32.remU(quotient, Math.max(1, sizes[d]!)))
    })
    const carry = (d: number) => {
      f.set(coordinates[d]!, i32.add(coordinates[d]!, 1))
      if (d > 0)
        f.if(i32.eq(coordinates[d]!, sizes[d]!), () => {
          f.set(coordinates[d]!, i32.const(0))
          carry(d - 1)
        })
    }
    f.for(unit, from, to, 1, () => {
      body(coordinates)
      carry(sizes.length - 1)
    })
  }

  /** The frame of a unit. */
  unitFrame(dims: readonly number[], coordinates: readonly Local<'i32'>[]): Frame {
    const at = new Map(dims.map((d, k) => [d, coordinates[k]!]))
    return deeper(this.f, this.base, at, this.#all, this.design.schedule.lane)
  }

  /** Calls `body` with these frames at each place along `dims`, inside loops over them. */
  overDims(
    dims: readonly number[],
    frames: readonly Frame[],
    accesses: readonly Access[],
    body: (frames: readonly Frame[]) => void,
  ): void {
    const [dim, ...rest] = dims
    if (dim === undefined) {
      body(frames)
      return
    }
    const at = this.f.local('i32')
    this.f.for(at, 0, this.design.program.space.dims[dim]!.size, 1, () =>
      this.overDims(rest, this.deeper(frames, dim, at, accesses), accesses, body),
    )
  }

  /** The frames at a coordinate along one more dim. */
  deeper(frames: readonly Frame[], dim: number, at: Index, accesses: readonly Access[]): Frame[] {
    const coordinate = new Map([[dim, at]])
    return frames.map((frame) => deeper(this.f, frame, coordinate, accesses, this.design.schedule.lane))
  }

  /** All that a pass does with one vector. */
  vector(pass: Pass, place: Place, scope: Scope, reduce: (reduction: number, value: V128) => void): void {
    const { values, design } = this
    const { space, kernel } = design.program
    const kept = (operand: number) => (pass.kept.has(operand) ? this.keptAt(operand) : null)
    for (const reduction of pass.reduces) reduce(reduction, values.value(this.argOf(reduction), scope, kept))
    // All is read before anything is written: an output may lie over an input.
    const stored = pass.stores.map((s) => values.value(kernel.stores[s]!.value, scope, kept))
    pass.stores.forEach((s, k) => {
      place.store(space.outputs[s]!, stored[k]!)
    })
    for (const operand of pass.keeps) place.store(this.keptAt(operand), values.value(operand, scope, kept))
  }

  /** After the last pass of a unit: row values are stored, and reduced over all rows where `counted`. */
  afterRows(scope: Scope, place: FramePlace, copy: number, counted: V128 | null): void {
    const { f, values } = this
    const { passes, program } = this.design
    for (const reduction of passes.after.reduces) {
      const value = values.value(this.argOf(reduction), scope)
      const op = this.opOf(reduction)
      this.totals.get(reduction)!.add(counted ? masked(f, op, value, counted) : f.let(value), copy)
    }
    for (const s of passes.after.stores)
      place.store(program.space.outputs[s]!, values.value(program.kernel.stores[s]!.value, scope))
  }

  /** Settles the totals of rows after this many vectors of them. */
  settleRows(vectors: number): void {
    if (!this.#rowsSince) return
    const totals = this.design.passes.after.reduces.map((reduction) => this.totals.get(reduction)!)
    this.settleAfter(this.#rowsSince, vectors, RUN, totals)
  }

  /** Settles `accumulators` before they have taken more than `run` vectors, `since` counting them. */
  settleAfter(since: Local<'i32'>, vectors: number, run: number, accumulators: readonly Accumulator[]): void {
    const { f } = this
    const settle = () => {
      for (const accumulator of accumulators) accumulator.settle()
    }
    if (2 * vectors > run) {
      settle()
      return
    }
    f.set(since, i32.add(since, vectors))
    f.if(i32.gtS(since, run - vectors), () => {
      settle()
      f.set(since, i32.const(0))
    })
  }

  #rootsAfter(): number[] {
    const { passes, program } = this.design
    return [
      ...passes.after.reduces.map((reduction) => this.argOf(reduction)),
      ...passes.after.stores.map((s) => program.kernel.stores[s]!.value),
    ]
  }

  #accessesAfter(): Access[] {
    const { passes, program } = this.design
    return [
      ...this.#inputsAmong([...neededFor(program, this.#rootsAfter())]),
      ...passes.after.stores.map((s) => program.space.outputs[s]!),
    ]
  }

  #inputsAmong(operands: readonly number[]): Access[] {
    const { space } = this.design.program
    return operands.flatMap((operand) => {
      const access = space.inputs[operand]
      return access && access !== 'zero' ? [access] : []
    })
  }
}

/** The first lane alone. */
export const FIRST_LANE = laneMask(0, 1)
