import { type I32, type Index, i32, select } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { type Plane, roundUp, tilesOf } from './axis.ts'

/** Images are worked on block by block: several whole ones, or some tile rows of one. The last may be smaller. */
export interface Blocks {
  readonly images: number
  readonly tileRows: number
  /** Tiles of a whole block. */
  readonly tiles: number
  readonly count: number
}

/** What a block's transformed values may take: half a second-level cache. */
const CACHE = 2 ** 19

interface Load {
  /** Bytes that one tile's transformed values take, and bytes that every block reads anew. */
  readonly tile: number
  readonly stationary: number
  /** Tiles go through the product in groups of so many, the last group perhaps in part empty. */
  readonly group: number
  readonly threads: number
}

/**
 * As many tiles as the cache holds, but no fewer than make reading what is stationary pay, with little room lost in
 * groups and on threads that wait.
 */
export function blocksOf(all: number, plane: Plane, load: Load): Blocks {
  const { tile, stationary, group, threads } = load
  const { rows, cols } = plane
  const wanted = Math.max(CACHE, stationary / 2) / tile
  const used = (size: number, among: number, tilesEach: number) =>
    Math.floor(among / size) * roundUp(size * tilesEach, group) + roundUp((among % size) * tilesEach, group)
  const strips = Array.from({ length: rows.tiles - 1 }, (_, i) => {
    const tileRows = i + 1
    const blocks = {
      images: 1,
      tileRows,
      tiles: tileRows * cols.tiles,
      count: all * Math.ceil(rows.tiles / tileRows),
    }
    return { blocks, used: all * used(tileRows, rows.tiles, cols.tiles) }
  })
  const most = Math.min(all, Math.max(64, Math.ceil((2 * wanted) / tilesOf(plane))))
  const whole = Array.from({ length: most }, (_, i) => {
    const images = i + 1
    const blocks = {
      images,
      tileRows: rows.tiles,
      tiles: images * tilesOf(plane),
      count: Math.ceil(all / images),
    }
    return { blocks, used: used(images, all, tilesOf(plane)) }
  })
  const time = ({ blocks: { images, tileRows, tiles, count }, used }: (typeof whole)[number]): number => {
    const share = (Math.ceil(count / threads) * threads * tiles) / (all * tilesOf(plane))
    // What comes next can follow whole blocks of whole images only.
    const separate = tileRows === rows.tiles && images * count === all ? 1 : 1.05
    // As measured, each doubling or halving costs a few per cent.
    const size = 1 + 0.03 * Math.abs(Math.log2(tiles / wanted))
    return used * Math.min(share, threads) * separate * size
  }
  const [first, ...others] = [...whole, ...strips].map((choice) => ({ ...choice, time: time(choice) }))
  return others.reduce((best, choice) => (choice.time < best.time ? choice : best), first!).blocks
}

/** Calls `body` for every tile of a whole block, in the order of their numbers. */
export function forTiles(
  f: Func,
  { images, tileRows }: Blocks,
  { cols }: Plane,
  body: (image: I32, row: I32, col: I32) => void,
): void {
  const [image, row, col] = [f.local('i32'), f.local('i32'), f.local('i32')]
  f.for(image, 0, images, 1, () => {
    f.for(row, 0, tileRows, 1, () => {
      f.for(col, 0, cols.tiles, 1, () => body(image, row, col))
    })
  })
}

/** What one block holds. */
export interface Extent {
  readonly image: I32
  readonly images: Index
  readonly tileRow: Index
  readonly tileRows: Index
  readonly tiles: I32
}

/** What block `number` of those of `all` images holds. */
export function extentOf(
  f: Func,
  { images, tileRows }: Blocks,
  number: I32,
  all: number,
  plane: Plane,
): Extent {
  const atMost = (most: number, left: I32) => {
    const value = f.let(left)
    return f.let(select(i32.ltS(value, most), value, i32.const(most)))
  }
  const { rows, cols } = plane
  if (tileRows === rows.tiles) {
    const image = f.let(i32.mul(number, images))
    const here = all % images === 0 ? images : atMost(images, i32.sub(all, image))
    return { image, images: here, tileRow: 0, tileRows, tiles: f.let(i32.mul(here, tilesOf(plane))) }
  }
  const strips = Math.ceil(rows.tiles / tileRows)
  const image = f.let(i32.divU(number, strips))
  const tileRow = f.let(i32.mul(i32.sub(number, i32.mul(image, strips)), tileRows))
  const here = rows.tiles % tileRows === 0 ? tileRows : atMost(tileRows, i32.sub(rows.tiles, tileRow))
  return { image, images: 1, tileRow, tileRows: here, tiles: f.let(i32.mul(here, cols.tiles)) }
}
