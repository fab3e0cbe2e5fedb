import { type Index, i32, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'

/**
 * Accumulators of a register tile: `sums[row][vector]` holds columns 4 * vector .. 4 * vector + 3 of that row. V8 runs
 * a round's loads before its arithmetic, so rows * vectors + rows + vectors must stay below 15 machine registers: 4 x 2
 * is the best, 2 x 4 as good, 6 x 1 and 1 x 6 serve where one side is narrow; 5 x 2 spills and takes twice the time.
 */
export type Sums = readonly (readonly Local<'v128'>[])[]

export const newSums = (f: Func, rows: number, vectors: number): Sums =>
  Array.from({ length: rows }, () => Array.from({ length: vectors }, () => f.local('v128')))

export function clear(f: Func, sums: Sums): void {
  for (const row of sums) for (const sum of row) f.set(sum, f32x4.const(0))
}

/** One step of a product: sums[row][vector] += a(row) * b(vector), where a(row) is one number in all lanes. */
export function addOuterProduct(
  f: Func,
  sums: Sums,
  a: (row: number) => V128,
  b: (vector: number) => V128,
): void {
  const right = sums[0]!.map((_, vector) => f.let(b(vector)))
  const left = f.local('v128')
  sums.forEach((row, r) => {
    f.set(left, a(r))
    row.forEach((sum, vector) => {
      f.set(sum, f32x4.mulAdd(left, right[vector]!, sum))
    })
  })
}

/** Where an operand of `emitTile` lies; all in bytes. */
export interface Panel {
  readonly at: Index
  /** From one k to the next. */
  readonly step: number
  /** Where the tile's rows (left operand) or vectors of columns (right one) lie from there; at least 0. */
  readonly offsets: readonly number[]
}

/** `count` offsets from 0 on, `step` bytes apart. */
export const evenly = (count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => i * step)

/**
 * Adds to `sums` the sum over k < depth of left[row][k] * right[k][column]. The left operand is read number by number,
 * the right one vector by vector, so its columns lie side by side. Each k is one round: unrolled, V8 11 spills.
 */
export function emitTile(f: Func, sums: Sums, depth: Index, left: Panel, right: Panel): void {
  const [a, b, k] = [f.local('i32'), f.local('i32'), f.local('i32')]
  f.set(a, i32.add(left.at, 0))
  f.set(b, i32.add(right.at, 0))
  f.for(k, 0, depth, 1, () => {
    addOuterProduct(
      f,
      sums,
      (row) => v128.load32Splat(a, left.offsets[row]!),
      (vector) => v128.load(b, right.offsets[vector]!),
    )
    f.set(a, i32.add(a, left.step))
    f.set(b, i32.add(b, right.step))
  })
}
