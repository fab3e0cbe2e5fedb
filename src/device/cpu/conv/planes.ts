import { f32, type I32, type Index, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'
import { copyRows } from './copy.ts'
import type { Axis } from './correlation.ts'

/** How the planes lie that a correlation reads: where they are, or copied with zeros around. All sizes in bytes. */
export interface Planes {
  readonly copied: boolean
  /** Columns are dealt out into so many runs, so that what a stride steps over is apart; the first `kept` are there. */
  readonly runs: number
  readonly kept: number
  readonly run: number
  /** Of so many rows one is there: no tap meets the others. */
  readonly every: number
  readonly row: number
  readonly plane: number
  /** From what a place meets to what the next one below, and beside it, meets. */
  readonly rowStep: number
  readonly colStep: number
}

/**
 * Planes as `rows` and `cols` read them, `height` rows at a time; `runs` as many as the columns' stride, or 1. They are
 * copied where they need zeros around or columns dealt out, and where one place of all `planes` does not fit the cache.
 */
export function planesOf(
  rows: Axis,
  cols: Axis,
  runs: number,
  { height = rows.size, planes = 1 }: { readonly height?: number; readonly planes?: number } = {},
): Planes {
  const inside = (axis: Axis) => axis.low >= 0 && axis.low + axis.size <= axis.source
  const row = 4 * cols.source
  const plane = rows.source * row
  if (inside(rows) && inside(cols) && runs === 1 && planes <= WAYS * setsOf(plane))
    return {
      copied: false,
      runs: 1,
      kept: 1,
      run: row,
      every: 1,
      row,
      plane,
      rowStep: rows.inStep * row,
      colStep: 4 * cols.inStep,
    }
  const every = rows.kernel === 1 ? rows.inStep : 1
  const kept = cols.kernel === 1 ? 1 : runs
  const run = 4 * Math.ceil(cols.size / runs)
  return {
    copied: true,
    runs,
    kept,
    run,
    every,
    row: run * kept,
    plane: oddLines(Math.ceil(height / every) * run * kept),
    rowStep: (rows.inStep / every) * run * kept,
    colStep: runs > 1 ? 4 : 4 * cols.inStep,
  }
}

/** The first cache: so many sets of 64 bytes, and of the ways of each what planes may take. */
const SETS = 64
const WAYS = 4

/** How many sets of the cache the same place falls into in planes of so many bytes. */
function setsOf(plane: number): number {
  if (plane % 64 !== 0) return SETS
  let sets = SETS
  while (sets > 1 && (plane / 64) % (SETS / (sets / 2)) === 0) sets /= 2
  return sets
}

/** At least so many bytes: an odd number of cache lines, so that planes do not fall into one set of the cache. */
const oddLines = (bytes: number): number => 64 * (2 * Math.floor(Math.ceil(bytes / 64) / 2) + 1)

/** What to add to the address of a plane of `from` bytes for `low`, where planes are read where they are. */
export const startOf = ({ copied, row }: Planes, rows: Axis, cols: Axis): number =>
  copied ? 0 : rows.low * row + 4 * cols.low

/** Where a column (counted from `low`) lies in its row. */
export function columnPlace({ runs, run }: Planes, column: I32): I32 {
  if (runs === 1) return i32.mul(column, 4)
  return i32.add(i32.mul(i32.remU(column, runs), run), i32.mul(i32.divU(column, runs), 4))
}

/** Copies what of a plane is read; the zeros around must be there. */
export function copyPlane(f: Func, planes: Planes, rows: Axis, cols: Axis, from: Index, to: Index): void {
  const { every } = planes
  const [inside, bottom] = inner(rows)
  const top = every * Math.ceil(inside / every)
  const source = f.let(i32.add(from, 4 * cols.source * (rows.low + top)))
  const target = f.let(i32.add(to, planes.row * (top / every)))
  if (planes.runs === 1 && every === 1) copyPart(f, planes, cols, bottom - top, source, target)
  else {
    const row = f.local('i32')
    f.for(row, top, bottom, every, () => {
      copyRow(f, planes, cols, source, target)
      f.set(source, i32.add(source, 4 * cols.source * every))
      f.set(target, i32.add(target, planes.row))
    })
  }
}

function copyRow(f: Func, planes: Planes, cols: Axis, from: I32, to: I32): void {
  if (planes.runs === 1) copyPart(f, planes, cols, 1, from, to)
  else dealRow(f, planes, cols, from, to)
}

/** Copies `height` rows of a plane of `rows.source`, from row `first` on, which may lie outside of it. */
export function copyBand(
  f: Func,
  planes: Planes,
  { rows, cols, height }: { readonly rows: Axis; readonly cols: Axis; readonly height: number },
  first: I32,
  from: I32,
  to: I32,
): void {
  const [row, i] = [f.local('i32'), f.local('i32')]
  const [source, target] = [f.let(i32.add(from, i32.mul(first, 4 * cols.source))), f.let(to)]
  f.for(row, first, i32.add(first, height), planes.every, () => {
    f.if(
      i32.ltU(row, rows.source),
      () => {
        copyRow(f, planes, cols, source, target)
      },
      () => {
        f.for(i, target, i32.add(target, planes.row), 4, () => f.do(f32.store(i, f32.const(0))))
      },
    )
    f.set(source, i32.add(source, 4 * cols.source * planes.every))
    f.set(target, i32.add(target, planes.row))
  })
}

/** Which of an axis' `size` elements the source has: [first, end). */
function inner({ low, size, source }: Axis): readonly [number, number] {
  const first = Math.min(Math.max(0, -low), size)
  return [first, Math.max(first, Math.min(size, source - low))]
}

/** Rows from the start of a row of the source to the start of one of the copy. */
function copyPart(f: Func, { row }: Planes, cols: Axis, count: number, from: I32, to: I32): void {
  const [left, right] = inner(cols)
  if (count === 0 || right === left) return
  const source = { at: i32.add(from, 4 * (cols.low + left)), stride: 4 * cols.source }
  copyRows(f, source, { at: i32.add(to, 4 * left), stride: row }, count, right - left)
}

function dealRow(f: Func, { runs, kept, run }: Planes, cols: Axis, from: I32, to: I32): void {
  const [left, right] = inner(cols)
  for (let r = 0; r < kept; r++) {
    const first = left + ((((r - left) % runs) + runs) % runs)
    const count = Math.max(0, Math.ceil((right - first) / runs))
    const source = f.let(i32.add(from, 4 * (cols.low + first)))
    const target = f.let(i32.add(to, r * run + 4 * Math.floor(first / runs)))
    if (runs === 2 && count >= 4) everySecond(f, source, target, count)
    else {
      const i = f.local('i32')
      f.for(i, 0, count, 1, () => {
        f.do(f32.store(target, f32.load(source)))
        f.set(source, i32.add(source, 4 * runs))
        f.set(target, i32.add(target, 4))
      })
    }
  }
}

/** Floats that are dealt out without a loop. */
const UNROLLED = 64

/** Every second of the floats from `source` on; the last vector once more from further left, where they do not fit. */
function everySecond(f: Func, source: I32, target: I32, count: number): void {
  const four = (at: I32, to: I32, first: number) => {
    // The second load begins with the first one's last: nothing is read beyond what is wanted.
    const [low, high] = [v128.load(at, 8 * first), v128.load(at, 8 * first + 12)]
    f.do(v128.store(to, v128.shuffle32(low, high, [0, 2, 5, 7]), 4 * first))
  }
  if (count <= UNROLLED) for (let i = 0; i + 4 <= count; i += 4) four(source, target, i)
  else {
    const i = f.local('i32')
    f.for(i, 0, 4 * count - 15, 16, () => four(f.let(i32.add(source, i32.mul(i, 2))), i32.add(target, i), 0))
  }
  if (count % 4 > 0) four(source, target, count - 4)
}
