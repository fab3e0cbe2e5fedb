import { transposed } from '../transposed.ts'
import { type I32, i32, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'
import type { Transform } from './filter.ts'

/** Where the numbers of four lanes begin: each at an address of its own, or all `apart` bytes from the one before. */
export interface Lanes {
  readonly addresses: readonly Local<'i32'>[]
  readonly apart: number
}

const laneAt = ({ addresses, apart }: Lanes, lane: number): [I32, number] =>
  addresses.length === 4 ? [addresses[lane]!, 0] : [addresses[0]!, lane * apart]

/** `count` vectors: vector i holds the i-th number of each lane. */
export function gather(f: Func, lanes: Lanes, count: number): V128[] {
  const vectors: V128[] = []
  for (let i = 0; i < count; i += 4) {
    const left = Math.min(4, count - i)
    const load = left === 1 ? v128.load32Zero : left === 2 ? v128.load64Zero : v128.load
    const rows = [0, 1, 2, 3].map((lane) => {
      const [at, from] = laneAt(lanes, lane)
      return f.let(load(at, from + 4 * i))
    })
    vectors.push(...transposed(f, rows, left))
  }
  return vectors
}

/** Stores the i-th number of each lane from vector i; the count is a multiple of 4. */
export function scatter(f: Func, lanes: Lanes, vectors: readonly V128[]): void {
  for (let i = 0; i < vectors.length; i += 4)
    transposed(f, vectors.slice(i, i + 4), 4).forEach((row, lane) => {
      const [at, from] = laneAt(lanes, lane)
      f.do(v128.store(at, row, from + 4 * i))
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

/** Four lanes whose places, from `from` on, are in a table. */
export const lanesFromTable = (f: Func, entry: I32, from: I32): Lanes => ({
  addresses: [0, 1, 2, 3].map((lane) => f.let(i32.add(i32.load(entry, 4 * lane), from))),
  apart: 0,
})

/** Four lanes at equal distances in bytes. */
export const lanesApart = (f: Func, at: I32, apart: number): Lanes => ({ addresses: [f.let(at)], apart })
