import { type Index, i32, index, select, type V128 } from '../wasm/expr.ts'
import type { Local } from '../wasm/func.ts'
import { type Accumulator, accumulator, laneMask, masked, RUN } from './accumulate.ts'
import { type Frame, FramePlace, type Position } from './frame.ts'
import { type Design, FIRST_LANE, LEVELS, type Nest } from './nest.ts'
import type { Pass } from './passes.ts'
import { costOf } from './program.ts'
import { accessesIn } from './schedule.ts'
import { Scope } from './values.ts'

/** Whether vectors lie along the only dim that there is: then a unit is a vector. */
const isFlat = ({ schedule }: Design): boolean => schedule.mode === 'line' && schedule.units.length === 0

/** Units of a design whose vectors lie along lines: lines or rows, or vectors where there is but one line. */
export function unitsAlong(design: Design): number {
  const { dims } = design.program.space
  if (isFlat(design)) return Math.ceil(dims[design.schedule.lane]!.size / 4)
  return design.schedule.units.reduce((product, d) => product * dims[d]!.size, 1)
}

/** Whether whole vectors may be read and written beyond the only line's end: the buffers are long enough. */
const mayOverrun = (design: Design): boolean =>
  isFlat(design) &&
  accessesIn(design.program.space).every(({ strides: [stride], ranges: [range], offset }) => {
    const aligned = stride === 1 && offset % 4 === 0
    return range === null && (aligned || stride === 0)
  })

/** Whether no place is gone through twice: else the last vector of each line overlaps the one before. */
export function passesOnce(design: Design): boolean {
  const { mode, lane } = design.schedule
  const { size } = design.program.space.dims[lane]!
  return mode === 'line' && (size % 4 === 0 || size < 4 || mayOverrun(design))
}

/** Vectors that are worked out in turn before the loop goes round: enough to hide what an addition takes. */
export function copiesAlong({ program, schedule }: Design, { needs }: Pass): number {
  let work = 0
  for (const operand of needs)
    if (program.along[operand]!.has(schedule.lane)) work += costOf(program.kernel, operand)
  const vectors = Math.floor(program.space.dims[schedule.lane]!.size / 4)
  return Math.max(1, Math.min(work <= 16 ? 4 : work <= 40 ? 2 : 1, vectors))
}

/** Goes through the units in [from, to) with vectors along lines. */
export function goAlong(nest: Nest, from: Index, to: Index): void {
  const { design, base, outermost } = nest
  const { schedule, passes, program } = design
  const lines = new Lines(nest)
  if (isFlat(design)) {
    const stretch = { from: nest.f.let(i32.shl(from, 2)), to: nest.f.let(i32.shl(to, 2)) }
    for (const pass of passes.passes) lines.pass(pass, base, outermost, stretch)
    return
  }
  const sizes = schedule.units.map((d) => program.space.dims[d]!.size)
  nest.overUnits(sizes, from, to, (coordinates) => {
    const frame = nest.unitFrame(schedule.units, coordinates)
    const place = new FramePlace(nest.f, frame, null)
    const scope = new Scope(place, outermost)
    for (const pass of passes.passes) lines.pass(pass, frame, scope, null)
    nest.afterRows(scope, place, 0, FIRST_LANE)
    nest.settleRows(1)
  })
}

/** Elements of a line. */
interface Stretch {
  readonly from: Index
  readonly to: Index
}

/** One line as a pass goes along it. */
interface Line {
  readonly pass: Pass
  readonly frame: Frame
  readonly scope: Scope
  /** Of the pass's reductions. */
  readonly accumulators: ReadonlyMap<number, Accumulator>
  readonly copies: number
}

class Lines {
  readonly #nest: Nest
  /** Elements of a line. */
  readonly #size: number
  /** Per pass, vectors since its sums were settled. */
  readonly #since: ReadonlyMap<Pass, Local<'i32'>>

  constructor(nest: Nest) {
    this.#nest = nest
    const { passes, program, schedule } = nest.design
    this.#size = program.space.dims[schedule.lane]!.size
    this.#since = new Map(passes.passes.map((pass) => [pass, nest.f.let(i32.const(0))]))
  }

  /** One pass over a unit, or over a stretch of the only line. */
  pass(pass: Pass, frame: Frame, scope: Scope, stretch: Stretch | null): void {
    const nest = this.#nest
    const { f, values, totals } = nest
    const { schedule, program } = nest.design
    values.prepare(pass.needs, scope, (operand) => nest.levelOf(operand) === LEVELS.unit)
    const lines = schedule.inner.reduce((product, d) => product * program.space.dims[d]!.size, 1)
    const vectors = Math.ceil(this.#size / 4)
    const copies = copiesAlong(nest.design, pass)
    const run = RUN * copies
    const long = lines * vectors > run
    const rows = new Map(
      pass.reduces
        .filter((reduction) => !totals.has(reduction))
        .map((reduction) => [reduction, accumulator(f, nest.opOf(reduction), copies, long)]),
    )
    for (const row of rows.values()) row.reset()
    // What a row comes to must not depend on the rows before it.
    const since = this.#since.get(pass)!
    if (long) f.set(since, i32.const(0))
    const accumulators = new Map(
      pass.reduces.map((reduction) => [reduction, totals.get(reduction) ?? rows.get(reduction)!]),
    )
    const summed = pass.reduces.filter(
      (reduction) => nest.opOf(reduction) === 'sum' && (totals.has(reduction) || (long && lines > 1)),
    )
    nest.overDims(schedule.inner, [frame], nest.accessesOf(pass), ([inner]) => {
      const around = schedule.inner.length > 0 ? new Scope(new FramePlace(f, inner!, null), scope) : scope
      values.prepare(pass.needs, around, (operand) => nest.levelOf(operand) === LEVELS.line)
      const line: Line = { pass, frame: inner!, scope: around, accumulators, copies }
      this.#line(line, stretch)
      if (!stretch && vectors <= run && summed.length > 0)
        nest.settleAfter(
          since,
          vectors,
          run,
          summed.map((reduction) => accumulators.get(reduction)!),
        )
    })
    if (long) for (const reduction of pass.reduces) totals.get(reduction)?.settle()
    for (const [reduction, row] of rows) scope.set(reduction, f.let(row.together()))
  }

  #line(line: Line, stretch: Stretch | null): void {
    const { f } = this.#nest
    const rest = this.#size % 4
    const whole = this.#size - rest
    if (!stretch) {
      this.#vectors(line, 0, whole)
      if (rest > 0) this.#last(line, false)
      return
    }
    const { from, to } = stretch
    const overrun = mayOverrun(this.#nest.design)
    if (rest === 0 || (overrun && line.pass.reduces.length === 0)) this.#vectors(line, from, to)
    else {
      this.#vectors(line, from, f.let(select(i32.ltS(to, whole), index(to), i32.const(whole))))
      f.if(i32.gtS(to, whole), () => this.#last(line, overrun))
    }
  }

  /** What is left of a line behind its whole vectors: its last four elements, of which some have been before. */
  #last(line: Line, overrun: boolean): void {
    const rest = this.#size % 4
    if (overrun) this.#vector(line, this.#at(this.#size - rest, 4), 0, laneMask(0, rest))
    else if (this.#size < 4) this.#vector(line, this.#at(0, rest), 0, laneMask(0, rest))
    else this.#vector(line, this.#at(this.#size - 4, 4), 0, laneMask(4 - rest, 4))
  }

  #at(first: number, count: number): Position {
    return { dim: this.#nest.design.schedule.lane, first, moving: null, plus: first, count }
  }

  /** Whole vectors of the elements [from, to), settling sums on the way where they are many. */
  #vectors(line: Line, from: Index, to: Index): void {
    const { f } = this.#nest
    const sums = [...line.accumulators].filter(([reduction]) => this.#nest.opOf(reduction) === 'sum')
    const run = 4 * RUN * line.copies
    const few = typeof from === 'number' && typeof to === 'number' && to - from <= run
    if (few || sums.length === 0) {
      this.#run(line, from, to)
      return
    }
    const block = f.local('i32')
    f.for(block, from, to, run, () => {
      const end = f.let(i32.add(block, run))
      this.#run(line, block, f.let(select(i32.ltS(end, to), end, index(to))))
      for (const [, sum] of sums) sum.settle()
    })
  }

  #run(line: Line, from: Index, to: Index): void {
    const { f } = this.#nest
    const { copies } = line
    const at = f.local('i32')
    const round = (count: number) => {
      const bytes = f.let(i32.shl(at, 2))
      for (let copy = 0; copy < count; copy++)
        this.#vector(
          line,
          {
            dim: this.#nest.design.schedule.lane,
            first: i32.add(at, 4 * copy),
            moving: { elements: at, bytes },
            plus: 4 * copy,
            count: 4,
          },
          copy,
          null,
        )
    }
    if (copies === 1) {
      f.for(at, from, to, 4, () => round(1))
      return
    }
    const fixed = typeof from === 'number' && typeof to === 'number'
    const end = fixed ? to - 4 * (copies - 1) : f.let(i32.sub(to, 4 * (copies - 1)))
    f.for(at, from, end, 4 * copies, () => round(copies))
    if (!fixed || (to - from) % (4 * copies) !== 0) f.for(at, at, to, 4, () => round(1))
  }

  /** All that a pass does with one vector; lanes outside `counted` are in no reduction. */
  #vector(
    { pass, frame, scope, accumulators }: Line,
    position: Position,
    copy: number,
    counted: V128 | null,
  ) {
    const nest = this.#nest
    const place = new FramePlace(nest.f, frame, position)
    nest.vector(pass, place, new Scope(place, scope), (reduction, value) => {
      const kept = counted ? masked(nest.f, nest.opOf(reduction), value, counted) : value
      accumulators.get(reduction)!.add(kept, copy)
    })
  }
}
