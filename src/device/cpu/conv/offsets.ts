import { i32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import type { Gradient } from './gradient.ts'
import { columnPlace, type Planes } from './planes.ts'

/** Taps of a group's channels: how many, how many in a tile, and how many in whole tiles. */
export interface Offsets {
  readonly taps: number
  readonly tile: number
  readonly step: number
}

/** Writes what to add to an address of x for each tap. Beyond the last one it comes again, up to whole tiles. */
export function writeOffsets(
  f: Func,
  { from, rows, cols }: Gradient,
  planes: Planes,
  { taps, step }: Offsets,
  to: Local<'i32'>,
): void {
  const [channel, row, col, at] = [f.local('i32'), f.local('i32'), f.local('i32'), f.let(to)]
  f.for(channel, 0, from, 1, () => {
    f.for(row, 0, rows.kernel, 1, () => {
      const line = i32.mul(row, rows.shiftStep * planes.row)
      const start = f.let(i32.add(i32.mul(channel, planes.plane), line))
      f.for(col, 0, cols.kernel, 1, () => {
        f.do(i32.store(at, i32.add(start, columnPlace(planes, f.let(i32.mul(col, cols.shiftStep))))))
        f.set(at, i32.add(at, 4))
      })
    })
  })
  const last = f.let(i32.load(to, 4 * (taps - 1)))
  for (let tap = taps; tap < step; tap++) f.do(i32.store(to, last, 4 * tap))
}
