import { type I32, type Index, i32, type V128 } from './wasm/expr.ts'
import type { Func } from './wasm/func.ts'
import { f32x4, v128 } from './wasm/simd.ts'

/**
 * Hands out the vectors of a row of `width` floats: addresses to read from and to write to, an offset for both, and how
 * many lanes there are. The last vector is again from further left; a row of less than one has fewer lanes.
 */
export function alongRow(
  f: Func,
  width: number,
  from: I32,
  to: I32,
  vector: (at: I32, out: I32, offset: number, lanes: number) => void,
): void {
  const whole = Math.floor(width / 4)
  if (whole > 2) {
    const [at, out, i] = [f.let(from), f.let(to), f.local('i32')]
    f.for(i, 0, whole, 1, () => {
      vector(at, out, 0, 4)
      f.set(at, i32.add(at, 16))
      f.set(out, i32.add(out, 16))
    })
  } else for (let i = 0; i < whole; i++) vector(from, to, 16 * i, 4)
  if (width < 4) vector(from, to, 0, width)
  else if (width % 4 > 0) vector(from, to, 4 * (width - 4), 4)
}

/** The first so many lanes, zeros in the others; reads nothing beyond. */
export function loadLanes(at: I32, offset: number, lanes: number): V128 {
  if (lanes === 4) return v128.load(at, offset)
  if (lanes === 1) return v128.load32Zero(at, offset)
  const two = v128.load64Zero(at, offset)
  return lanes === 2 ? two : v128.load32Lane(at, two, 2, offset + 8)
}

/** Stores the first so many lanes and nothing beyond. */
export function storeLanes(f: Func, at: I32, value: V128, offset: number, lanes: number): void {
  if (lanes === 4) f.do(v128.store(at, value, offset))
  if (lanes === 2 || lanes === 3) f.do(v128.store64Lane(at, value, 0, offset))
  if (lanes === 1 || lanes === 3) f.do(v128.store32Lane(at, value, lanes - 1, offset + 4 * (lanes - 1)))
}

/** Zeroes `bytes` (a multiple of 16) from an address on. */
export function zero(f: Func, at: Index, bytes: number): void {
  const [target, i] = [f.let(i32.add(at, 0)), f.local('i32')]
  f.for(i, 0, bytes / 16, 1, () => {
    f.do(v128.store(target, f32x4.const(0)))
    f.set(target, i32.add(target, 16))
  })
}
