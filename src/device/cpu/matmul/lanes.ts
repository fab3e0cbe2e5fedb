import type { V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'

/** The sums of the lanes of four vectors, as the lanes of one. */
export function sumsOfLanes(f: Func, [a, b, c, d]: readonly [V128, V128, V128, V128]): V128 {
  const halves = (x: V128, y: V128) =>
    f.let(f32x4.add(v128.shuffle32(x, y, [0, 4, 2, 6]), v128.shuffle32(x, y, [1, 5, 3, 7])))
  const [ab, cd] = [halves(a, b), halves(c, d)]
  return f32x4.add(v128.shuffle32(ab, cd, [0, 1, 4, 5]), v128.shuffle32(ab, cd, [2, 3, 6, 7]))
}
