import { alongRow, loadLanes } from '../rows.ts'
import { type I32, type Index, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { type Plane, roundUp, spread, type Windows } from './axis.ts'
import { gather, type Lanes } from './lanes.ts'

/**
 * Windows whose rows are transformed already, Z[products][image][tile row][column]: the windows of a tile row share
 * this work. Zeros lie around the columns.
 */
export interface Half {
  /** Bytes of a row, of an image's tile rows, of all images, and of all products. */
  readonly row: number
  readonly image: number
  readonly plane: number
  readonly bytes: number
}

export function halfOf({ rows, cols }: Plane<Windows>, images: number, tileRows: number): Half {
  // A row of less than a vector is stored as one whole vector.
  const width = Math.max(cols.step * (cols.tiles - 1) + cols.inputs, cols.before + 4)
  const row = 4 * roundUp(width, 4)
  const plane = spread(images * tileRows * row)
  return { row, image: tileRows * row, plane, bytes: rows.products * plane }
}

/** The first part: the plane at `source`, its tile rows [lo, hi), to their place at `target`. */
export function transformRows(
  f: Func,
  { rows, cols }: Plane<Windows>,
  half: Half,
  source: I32,
  target: I32,
  [lo, hi]: readonly [Index, Index],
): void {
  const rowSize = 4 * cols.size
  const to = f.let(i32.add(target, 4 * cols.before))
  /** The window's rows [above, below) are in the plane, from `from` on. */
  const tileRow = (from: I32, above: number, below: number) => {
    alongRow(f, width(cols), from, to, (at, out, place, lanes) => {
      const window = Array.from({ length: rows.inputs }, (_, r) =>
        r < above || r >= below ? f32x4.const(0) : f.let(loadLanes(at, (r - above) * rowSize + place, lanes)),
      )
      rows.transform(f, window).forEach((value, i) => {
        f.do(v128.store(out, value, i * half.plane + place))
      })
    })
  }
  const tile = f.local('i32')
  f.for(tile, lo, hi, 1, () => {
    const inside = () => {
      const first = i32.sub(i32.mul(tile, rows.step), rows.before)
      tileRow(f.let(i32.add(source, i32.mul(first, rowSize))), 0, rows.inputs)
    }
    const atEdge = (edge: number) => () => {
      const first = rows.step * edge - rows.before
      const above = Math.max(0, -first)
      tileRow(f.let(i32.add(source, (first + above) * rowSize)), above, rows.size - first)
    }
    edges(rows).reduceRight<() => void>(
      (otherwise, edge) => () => f.if(i32.eq(tile, edge), atEdge(edge), otherwise),
      inside,
    )()
    f.set(to, i32.add(to, half.row))
  })
}

/** Columns of the plane that some window holds. */
const width = ({ size, before, step, tiles, inputs }: Windows): number =>
  Math.min(size, step * (tiles - 1) + inputs - before)

/** Tiles that reach beyond the plane. */
const edges = ({ size, before, step, tiles, inputs }: Windows): number[] =>
  Array.from({ length: tiles }, (_, t) => t).filter((t) => {
    const first = step * t - before
    return first < 0 || first + inputs > size
  })

/** The second part: the windows of four lanes; products go to `to`, `plane` bytes apart. */
export function transformWindows(
  f: Func,
  { rows, cols }: Plane<Windows>,
  half: Half,
  lanes: Lanes,
  to: I32,
  plane: number,
): void {
  const [out, i] = [f.let(to), f.local('i32')]
  f.for(i, 0, rows.products, 1, () => {
    cols.transform(f, gather(f, lanes, cols.inputs)).forEach((value, j) => {
      f.do(v128.store(out, value, j * plane))
    })
    for (const at of lanes.addresses) f.set(at, i32.add(at, half.plane))
    f.set(out, i32.add(out, cols.products * plane))
  })
}
