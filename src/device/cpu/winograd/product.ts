import { clear, emitTile, evenly, type Sums } from '../matmul/tile.ts'
import { type I32, type Index, i32, select } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { type Plane, productsOf } from './axis.ts'

/** Calls `body` for each product of a window, in order, with the number of its weight. */
export function forProducts(f: Func, { rows, cols }: Plane, body: (weight: I32) => void): void {
  const [row, col] = [f.local('i32'), f.local('i32')]
  const shared = (i: I32, weights: number) => select(i32.ltS(i, weights - 1), i, i32.const(weights - 1))
  f.for(row, 0, rows.scheme.products, 1, () => {
    f.for(col, 0, cols.scheme.products, 1, () => {
      const line = i32.mul(shared(row, rows.scheme.weights), cols.scheme.weights)
      body(f.let(i32.add(line, shared(col, cols.scheme.weights))))
    })
  })
}

/** The sum over `depth` of left[depth][4] times right[depth][8]; with fewer sums, of the first of the eight. */
export function sumPanels(f: Func, sums: Sums, depth: Index, left: I32, right: I32): void {
  clear(f, sums)
  const vectors = sums[0]!.length
  emitTile(
    f,
    sums,
    depth,
    { at: left, step: 16, offsets: evenly(4, 4) },
    { at: right, step: 32, offsets: evenly(vectors, 16) },
  )
}

/** Stores sums at `to` [4][8], or adds them to what is there. */
export function keepSums(f: Func, sums: Sums, to: I32, how: 'store' | 'add'): void {
  sums.forEach((row, r) => {
    row.forEach((sum, v) => {
      const at = 32 * r + 16 * v
      f.do(v128.store(to, how === 'add' ? f32x4.add(v128.load(to, at), sum) : sum, at))
    })
  })
}

/** Nanoseconds that a tile takes, roughly: a number is transformed in 0.22, and 27 products are added in one. */
export const tileTime = (plane: Plane, from: number, to: number): number =>
  productsOf(plane) * (0.22 * (from + to) + (from * to) / 27)
