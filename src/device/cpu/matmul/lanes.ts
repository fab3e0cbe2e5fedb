import type { I32, V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'

/** `count` (1 to 4) numbers in a row as the lowest lanes, zeros above; reads nothing beyond them. */
export function loadLanes(address: I32, count: number, offset = 0): V128 {
  if (count === 4) return v128.load(address, offset)
  if (count === 1) return v128.load32Zero(address, offset)
  const two = v128.load64Zero(address, offset)
  return count === 2 ? two : v128.load32Lane(address, two, 2, offset + 8)
}

/** Stores the lowest `count` (1 to 4) lanes in a row, and nothing beyond them. `value` is a local: it may be read twice. */
export function storeLanes(f: Func, address: I32, value: V128, count: number, offset = 0): void {
  if (count === 4) f.do(v128.store(address, value, offset))
  else if (count === 1) f.do(v128.store32Lane(address, value, 0, offset))
  else {
    f.do(v128.store64Lane(address, value, 0, offset))
    if (count === 3) f.do(v128.store32Lane(address, value, 2, offset + 8))
  }
}

/** The sums of the lanes of four vectors, as the lanes of one. */
export function sumsOfLanes(f: Func, [a, b, c, d]: readonly [V128, V128, V128, V128]): V128 {
  const halves = (x: V128, y: V128) =>
    f.let(f32x4.add(v128.shuffle32(x, y, [0, 4, 2, 6]), v128.shuffle32(x, y, [1, 5, 3, 7])))
  const [ab, cd] = [halves(a, b), halves(c, d)]
  return f32x4.add(v128.shuffle32(ab, cd, [0, 1, 4, 5]), v128.shuffle32(ab, cd, [2, 3, 6, 7]))
}
