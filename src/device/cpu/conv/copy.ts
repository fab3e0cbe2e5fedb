import { alongRow, loadLanes, storeLanes } from '../rows.ts'
import { type I32, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'

/** Where rows of floats lie: `stride` bytes apart. */
export interface Rows {
  readonly at: I32
  readonly stride: number
}

/** Vectors of a row that are copied without a loop. */
const UNROLLED = 16

/** Copies `count` rows of `width` floats, and nothing beyond them. */
export function copyRows(f: Func, from: Rows, to: Rows, count: number, width: number): void {
  const [source, target, row] = [f.let(from.at), f.let(to.at), f.local('i32')]
  const whole = Math.floor(width / 4)
  const copy = () => {
    if (whole === 0 || whole > UNROLLED) {
      alongRow(f, width, source, target, (at, out, offset, lanes) =>
        storeLanes(f, out, loadLanes(at, offset, lanes), offset, lanes),
      )
      return
    }
    for (let i = 0; i < whole; i++) f.do(v128.store(target, v128.load(source, 16 * i), 16 * i))
    const last = 4 * (width - 4)
    if (width % 4 > 0) f.do(v128.store(target, v128.load(source, last), last))
  }
  if (count === 1) copy()
  else
    f.for(row, 0, count, 1, () => {
      copy()
      f.set(source, i32.add(source, from.stride))
      f.set(target, i32.add(target, to.stride))
    })
}
