import { type I32, type Index, i32, select } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { type Plane, tilesOf } from './axis.ts'

/** Images are worked on block by block: several whole ones, or some tile rows of one. */
export interface Blocks {
  readonly images: number
  readonly tileRows: number
  /** Tiles of a whole block. */
  readonly tiles: number
  readonly count: number
}

/** What may lie in the second-level cache, half of it that is. */
const CACHE = () => 2 ** ((globalThis as any).CA ?? 19)

/**
 * As many tiles as the cache holds, but no fewer than make reading what is `stationary`, once for each block, pay.
 * Blocks are as even as can be.
 *
 * @param tileBytes What one tile's transformed values take.
 * @param stationary Bytes that every block reads anew.
 * @param threads Blocks there should be at least.
 */
export function blocksOf(
  images: number,
  plane: Plane,
  { tileBytes, stationary, threads }: { tileBytes: number; stationary: number; threads: number },
): Blocks {
  const perImage = tilesOf(plane)
  const wanted = Math.max(CACHE(), stationary / 2) / tileBytes
  if (wanted < perImage / 2) {
    const strips = Math.min(plane.rows.tiles, Math.round(perImage / wanted))
    const tileRows = Math.ceil(plane.rows.tiles / strips)
    return {
      images: 1,
      tileRows,
      tiles: tileRows * plane.cols.tiles,
      count: images * Math.ceil(plane.rows.tiles / tileRows),
    }
  }
  const most = Math.max(1, Math.min(Math.round(wanted / perImage), Math.ceil(images / threads)))
  const block = divisorNear(images, most) ?? Math.ceil(images / Math.ceil(images / most))
  return {
    images: block,
    tileRows: plane.rows.tiles,
    tiles: block * perImage,
    count: Math.ceil(images / block),
  }
}

function divisorNear(n: number, most: number): number | undefined {
  for (let divisor = most; 2 * divisor > most; divisor--) if (n % divisor === 0) return divisor
  return undefined
}

/** What block `number` holds. */
export interface Extent {
  readonly image: I32
  readonly images: Index
  readonly tileRow: Index
  readonly tileRows: Index
  readonly tiles: I32
}

export function extentOf(
  f: Func,
  { images, tileRows }: Blocks,
  number: I32,
  all: number,
  plane: Plane,
): Extent {
  const atMost = (value: I32, most: Index) => {
    const [a, b] = [f.let(value), f.let(i32.add(most, 0))]
    return f.let(select(i32.ltS(a, b), a, b))
  }
  const { rows, cols } = plane
  if (tileRows === rows.tiles) {
    const image = f.let(i32.mul(number, images))
    const here = all % images === 0 ? images : atMost(i32.const(images), i32.sub(all, image))
    return { image, images: here, tileRow: 0, tileRows, tiles: f.let(i32.mul(here, tilesOf(plane))) }
  }
  const strips = Math.ceil(rows.tiles / tileRows)
  const image = f.let(i32.divU(number, strips))
  const tileRow = f.let(i32.mul(i32.sub(number, i32.mul(image, strips)), tileRows))
  const here = atMost(i32.const(tileRows), i32.sub(rows.tiles, tileRow))
  return { image, images: 1, tileRow, tileRows: here, tiles: f.let(i32.mul(here, cols.tiles)) }
}
