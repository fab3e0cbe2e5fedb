import { f32x4, type I32, type Index, i32, type V128, v128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'

/** A rectangle of floats: its rows are `stride` bytes apart. */
export interface Rows {
  readonly at: I32
  readonly stride: number
}

/** Vectors that are copied without a loop. */
const UNROLLED = 32

/** Copies `rows` rows of `width` floats, and nothing beyond them. */
export function copyRows(f: Func, from: Rows, to: Rows, rows: Index, width: number): void {
  if (typeof rows === 'number' && rows * Math.ceil(width / 4) <= UNROLLED) {
    for (let r = 0; r < rows; r++) copyRow(f, from.at, to.at, r * from.stride, r * to.stride, width)
    return
  }
  const [source, target, r] = [f.let(from.at), f.let(to.at), f.local('i32')]
  f.for(r, 0, rows, 1, () => {
    copyRow(f, source, target, 0, 0, width)
    f.set(source, i32.add(source, from.stride))
    f.set(target, i32.add(target, to.stride))
  })
}

function copyRow(f: Func, from: I32, to: I32, fromOffset: number, toOffset: number, width: number): void {
  const vector = (source: I32, target: I32, at: number) =>
    f.do(v128.store(target, v128.load(source, fromOffset + at), toOffset + at))
  let done = 0
  if (width > 4 * UNROLLED) {
    const [source, target, i] = [f.let(from), f.let(to), f.local('i32')]
    f.for(i, 0, Math.floor(width / 16), 1, () => {
      for (let v = 0; v < 4; v++) vector(source, target, 16 * v)
      f.set(source, i32.add(source, 64))
      f.set(target, i32.add(target, 64))
    })
    done = 16 * Math.floor(width / 16)
  }
  for (; done + 4 <= width; done += 4) vector(from, to, 4 * done)
  if (done === width) return
  // The last vector again from further left, where the row has one.
  if (width >= 4) {
    vector(from, to, 4 * (width - 4))
    return
  }
  const rest = width - done
  const load = (lanes: number): V128 =>
    (lanes === 1 ? v128.load32Zero : v128.load64Zero)(from, fromOffset + 4 * done)
  if (rest >= 2) f.do(v128.store64Lane(to, load(2), 0, toOffset))
  if (rest !== 2) {
    const at = 4 * (rest - 1)
    f.do(v128.store32Lane(to, v128.load32Zero(from, fromOffset + at), 0, toOffset + at))
  }
}

/** Zeroes `bytes` (a multiple of 16) from an address on. */
export function zero(f: Func, at: Index, bytes: number): void {
  const [target, i] = [f.let(i32.add(at, 0)), f.local('i32')]
  f.for(i, 0, bytes / 16, 1, () => {
    f.do(v128.store(target, f32x4.const(0)))
    f.set(target, i32.add(target, 16))
  })
}
