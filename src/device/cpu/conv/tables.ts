import { i32, select } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import type { Axis } from './correlation.ts'
import { AXIS_PHASE, type Layout, PHASE } from './layout.ts'
import { columnPlace, startOf } from './planes.ts'
import { PLACE } from './tile.ts'

/** Writes the tables of phases, taps and places into the workspace. */
export function writeTables(f: Func, layout: Layout): void {
  const { correlation, tables, tile, panels } = layout
  const { rows, cols, from, groups } = correlation
  const workspace = f.pointer(3)
  const at = (offset: number) => f.let(i32.add(workspace, offset))
  writeAxis(f, at(tables.rows), rows)
  writeAxis(f, at(tables.cols), cols)
  const [record, taps, places] = [at(tables.phases), at(tables.taps), at(tables.places)]
  const weights = at(tables.weights)
  const count = f.local('i32')
  eachPhase(f, layout, workspace, ({ row, col, rowAt, colAt }) => {
    f.set(count, i32.mul(i32.mul(field(rowAt, 'taps'), field(colAt, 'taps')), from))
    f.do(i32.store(record, taps, PHASE.taps))
    f.do(i32.store(record, places, PHASE.places))
    f.do(i32.store(record, weights, PHASE.weights))
    writeTaps(f, layout, rowAt, colAt, taps)
    writePlaces(f, layout, { row, col, rowAt, colAt }, places)
    f.do(i32.store(record, taps, PHASE.tapsEnd))
    f.do(i32.store(record, places, PHASE.placesEnd))
    f.set(weights, i32.add(weights, i32.mul(count, 4 * groups * panels * tile.width)))
    f.set(record, i32.add(record, PHASE.bytes))
  })
}

/** The phases that a loop over all is at: their numbers, and their entries in the tables of the axes. */
export interface PhaseLocals {
  readonly row: Local<'i32'>
  readonly col: Local<'i32'>
  readonly rowAt: Local<'i32'>
  readonly colAt: Local<'i32'>
}

export const field = (entry: Local<'i32'>, name: 'tap' | 'taps' | 'shift' | 'places') =>
  i32.load(entry, AXIS_PHASE[name])

/** Runs `body` for each pair of phases, in the order of their records. */
export function eachPhase(
  f: Func,
  { correlation: { rows, cols }, tables }: Layout,
  workspace: Local<'i32'>,
  body: (locals: PhaseLocals) => void,
): void {
  const [row, col, rowAt, colAt] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  f.set(rowAt, i32.add(workspace, tables.rows))
  f.for(row, 0, rows.phases.length, 1, () => {
    f.set(colAt, i32.add(workspace, tables.cols))
    f.for(col, 0, cols.phases.length, 1, () => {
      body({ row, col, rowAt, colAt })
      f.set(colAt, i32.add(colAt, AXIS_PHASE.bytes))
    })
    f.set(rowAt, i32.add(rowAt, AXIS_PHASE.bytes))
  })
}

function writeAxis(f: Func, at: Local<'i32'>, { phases }: Axis): void {
  phases.forEach(({ tap, taps, shift, places }, i) => {
    const entry = AXIS_PHASE.bytes * i
    f.do(i32.store(at, i32.const(tap), entry + AXIS_PHASE.tap))
    f.do(i32.store(at, i32.const(taps), entry + AXIS_PHASE.taps))
    f.do(i32.store(at, i32.const(shift), entry + AXIS_PHASE.shift))
    f.do(i32.store(at, i32.const(places), entry + AXIS_PHASE.places))
  })
}

function writeTaps(
  f: Func,
  { correlation: { rows, cols, from }, planes }: Layout,
  rowAt: Local<'i32'>,
  colAt: Local<'i32'>,
  taps: Local<'i32'>,
): void {
  const [channel, row, col] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const [rowTaps, colTaps] = [f.let(field(rowAt, 'taps')), f.let(field(colAt, 'taps'))]
  const [rowShift, colShift] = [f.let(field(rowAt, 'shift')), f.let(field(colAt, 'shift'))]
  f.for(channel, 0, from, 1, () => {
    f.for(row, 0, rowTaps, 1, () => {
      const line = i32.mul(i32.add(rowShift, i32.mul(row, rows.shiftStep)), planes.row)
      const start = f.let(i32.add(i32.mul(channel, planes.plane), line))
      f.for(col, 0, colTaps, 1, () => {
        const column = f.let(i32.add(colShift, i32.mul(col, cols.shiftStep)))
        f.do(i32.store(taps, i32.add(start, columnPlace(planes, column))))
        f.set(taps, i32.add(taps, 4))
      })
    })
  })
}

function writePlaces(
  f: Func,
  { correlation: { rows, cols, groups, to }, planes, tile, block, imageStep }: Layout,
  { row, col, rowAt, colAt }: PhaseLocals,
  places: Local<'i32'>,
): void {
  const [image, y, x] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const [height, width] = [f.let(field(rowAt, 'places')), f.let(field(colAt, 'places'))]
  const begin = f.let(places)
  const outRow = 4 * cols.out
  const outImage = groups * to * rows.out * outRow
  f.for(image, 0, block, 1, () => {
    f.for(y, 0, height, 1, () => {
      const source = f.let(
        i32.add(i32.add(i32.mul(image, imageStep), i32.mul(y, planes.rowStep)), startOf(planes, rows, cols)),
      )
      const outY = i32.add(row, i32.mul(y, rows.outStep))
      const target = f.let(i32.add(i32.add(i32.mul(image, outImage), i32.mul(outY, outRow)), i32.mul(col, 4)))
      f.for(x, 0, width, tile.run, () => {
        // A run that would reach over the end begins further left: some places are computed twice.
        const last = i32.sub(width, tile.run)
        const start = f.let(select(i32.gtS(x, last), last, x))
        f.do(i32.store(places, i32.add(source, i32.mul(start, planes.colStep))))
        f.do(i32.store(places, i32.add(target, i32.mul(start, 4 * cols.outStep)), 4))
        f.set(places, i32.add(places, PLACE))
      })
    })
  })
  if (tile.entries === 1) return
  // Whole tiles: the last entry once more.
  f.while(i32.ne(i32.remU(i32.sub(places, begin), PLACE * tile.entries), 0), () => {
    for (const part of [0, 4]) f.do(i32.store(places, i32.load(i32.sub(places, PLACE), part), part))
    f.set(places, i32.add(places, PLACE))
  })
}
