import { alongRow, storeLanes } from '../rows.ts'
import { type I32, type Index, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'
import { type Plane, spread } from './axis.ts'
import { type Lanes, scatter } from './lanes.ts'

/** Outputs whose rows are still products, Y[products][image][tile row][column], in whole tiles. */
export interface HalfOutputs {
  /** Bytes of a row, of an image's tile rows, of all images, and of all products. */
  readonly row: number
  readonly image: number
  readonly plane: number
  readonly bytes: number
  /** Where a tile may go that there is none of. */
  readonly spare: number
}

export function halfOutputsOf({ rows, cols }: Plane, images: number, tileRows: number): HalfOutputs {
  const row = 4 * cols.tiles * cols.scheme.outputs
  const spare = images * tileRows * row
  const plane = spread(spare + 4 * cols.scheme.outputs)
  return { row, image: tileRows * row, plane, bytes: rows.scheme.products * plane, spare }
}

/** The first part: four tiles from products at `source`, `plane` bytes apart, to their lanes. */
export function transformTiles(
  f: Func,
  { rows, cols }: Plane,
  half: HalfOutputs,
  source: I32,
  plane: number,
  lanes: Lanes,
): void {
  const { products, output } = cols.scheme
  const [from, i] = [f.let(source), f.local('i32')]
  f.for(i, 0, rows.scheme.products, 1, () => {
    const values = Array.from({ length: products }, (_, j) => f.let(v128.load(from, j * plane)))
    scatter(f, lanes, output(f, values))
    for (const at of lanes.addresses) f.set(at, i32.add(at, half.plane))
    f.set(from, i32.add(from, products * plane))
  })
}

/** The second part: an image's tile rows [lo, hi), which begin at `source`, to their place in the plane at `target`. */
export function transformOutputRows(
  f: Func,
  { rows, cols }: Plane,
  half: HalfOutputs,
  source: I32,
  target: I32,
  [lo, hi]: readonly [Index, Index],
): void {
  const { outputs, products, output } = rows.scheme
  const rowSize = 4 * cols.out
  const from = f.let(source)
  const to = f.let(i32.add(target, i32.mul(lo, outputs * rowSize)))
  const tileRow = (count: number) =>
    alongRow(f, cols.out, from, to, (at, out, offset, lanes) => {
      const values = Array.from({ length: products }, (_, i) => f.let(v128.load(at, i * half.plane + offset)))
      output(f, values)
        .slice(0, count)
        .forEach((value, r) => {
          storeLanes(f, out, value, r * rowSize + offset, lanes)
        })
    })
  const tile = f.local('i32')
  f.for(tile, lo, hi, 1, () => {
    const last = rows.out % outputs
    if (last === 0) tileRow(outputs)
    else if (rows.tiles === 1) tileRow(last)
    else
      f.if(
        i32.eq(tile, rows.tiles - 1),
        () => tileRow(last),
        () => tileRow(outputs),
      )
    f.set(from, i32.add(from, half.row))
    f.set(to, i32.add(to, outputs * rowSize))
  })
}
