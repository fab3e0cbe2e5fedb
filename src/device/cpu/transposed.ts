import type { V128 } from './wasm/expr.ts'
import type { Func } from './wasm/func.ts'
import { v128 } from './wasm/simd.ts'

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
