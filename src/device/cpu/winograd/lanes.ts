import { type I32, i32, type V128, v128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import type { Transform } from './filter.ts'

/** The first `count` columns of a 4 x 4 matrix given by its rows. */
export function transposed(f: Func, [a, b, c, d]: readonly V128[], count: number): V128[] {
  const columns: V128[] = []
  const pair = (picks: readonly [number, number, number, number]) => {
    const upper = f.let(v128.shuffle32(a!, b!, picks))
    const lower = f.let(v128.shuffle32(c!, d!, picks))
    columns.push(f.let(v128.shuffle32(upper, lower, [0, 1, 4, 5])))
    if (columns.length < count) columns.push(f.let(v128.shuffle32(upper, lower, [2, 3, 6, 7])))
  }
  pair([0, 4, 1, 5])
  if (count > 2) pair([2, 6, 3, 7])
  return columns
}

/** Where the numbers of a lane begin: `offset` bytes from `at`. */
export interface Lane {
  readonly at: I32
  readonly offset: number
}

/** `count` vectors: vector i holds the i-th number of each lane, from `offset` bytes on. */
export function gather(f: Func, lanes: readonly Lane[], offset: number, count: number): V128[] {
  const vectors: V128[] = []
  for (let i = 0; i < count; i += 4) {
    const left = Math.min(4, count - i)
    const load = left === 1 ? v128.load32Zero : left === 2 ? v128.load64Zero : v128.load
    const rows = lanes.map((lane) => f.let(load(lane.at, lane.offset + offset + 4 * i)))
    vectors.push(...transposed(f, rows, left))
  }
  return vectors
}

/** Stores the i-th number of each lane from vector i; the count is a multiple of 4. */
export function scatter(f: Func, lanes: readonly Lane[], offset: number, vectors: readonly V128[]): void {
  for (let i = 0; i < vectors.length; i += 4)
    transposed(f, vectors.slice(i, i + 4), 4).forEach((row, l) => {
      const lane = lanes[l]!
      f.do(v128.store(lane.at, row, lane.offset + offset + 4 * i))
    })
}

/**
 * Transforms a matrix along its rows, then along its columns. Rows are asked for one by one, and columns handed out as
 * soon as they are ready: as few values as can be are alive.
 */
export function transform2d(
  f: Func,
  [rows, cols]: readonly [Transform, Transform],
  count: number,
  row: (i: number) => readonly V128[],
  column: (j: number, values: readonly V128[]) => void,
): void {
  const half = Array.from({ length: count }, (_, i) => cols(f, row(i)))
  half[0]!.forEach((_, j) => {
    column(
      j,
      rows(
        f,
        half.map((values) => values[j]!),
      ),
    )
  })
}

/** Loads of four addresses that lie in a table, and the place they count from. */
export const lanesFromTable = (f: Func, entry: I32, from: I32): Lane[] =>
  [0, 1, 2, 3].map((lane) => ({ at: f.let(i32.add(i32.load(entry, 4 * lane), from)), offset: 0 }))

/** Four lanes at equal distances in bytes. */
export const lanesApart = (at: I32, distance: number): Lane[] =>
  [0, 1, 2, 3].map((lane) => ({ at, offset: lane * distance }))
