import type { RecipeOptions } from '../recipe.ts'
import type { Correlation } from './correlation.ts'
import { type Choice, entriesOf } from './layout.ts'
import type { Tile } from './tile.ts'
import { channelTile } from './tile-channels.ts'
import { rowTile } from './tile-row.ts'

/** How a correlation is best computed. */
export function choose(correlation: Correlation, { threads }: RecipeOptions): Choice {
  const { cols, to } = correlation
  const narrow = to < 8 && shortestOf(correlation) >= 4
  const tile = narrow
    ? rowTile(correlation, Math.min(4, to) as 1 | 2 | 3 | 4)
    : channelTile(correlation, runOf(correlation))
  const block = blockOf(correlation, tile, threads)
  return {
    tile,
    runs: narrow || cols.kernel === 1 ? cols.inStep : 1,
    block,
    parts: block > 1 ? 1 : partsOf(correlation, tile.width, threads),
  }
}

/** The shortest row of places of a phase. */
const shortestOf = ({ cols }: Correlation): number =>
  Math.min(...cols.phases.flatMap(({ places }) => (places > 0 ? [places] : [])))

/** How much slower places are that lie in shorter runs: addresses take time. */
const SLOWER = { 4: 1, 2: 1.02, 1: 1.09 } as const

/** The run that takes least time, with what it computes twice. */
function runOf(correlation: Correlation): 1 | 2 | 4 {
  const shortest = shortestOf(correlation)
  const time = (run: 1 | 2 | 4) =>
    run > shortest ? Number.POSITIVE_INFINITY : run * entriesOf(correlation, run) * SLOWER[run]
  return ([4, 2, 1] as const).reduce((best, run) => (time(run) < time(best) ? run : best))
}

/** Bytes of weights that stay in the second cache, and for how many places to go through more than that. */
const CACHED = 2 ** 19
const WORTHWHILE = 64

/** Images together where each has few places: as many as divide the batch, and leave each thread a block. */
function blockOf(correlation: Correlation, tile: Tile, threads: number): number {
  const { images, groups, from, to, rows, cols } = correlation
  const places = (rows.out * cols.out) / (rows.outStep * cols.outStep)
  const weights = 4 * groups * from * to * rows.kernel * cols.kernel
  const wanted = Math.max(4 * tile.run * tile.entries, weights > CACHED ? WORTHWHILE : 0)
  const divisors = Array.from({ length: Math.max(1, Math.floor(images / threads)) }, (_, i) => i + 1).filter(
    (block) => images % block === 0,
  )
  return divisors.find((block) => block * places >= wanted) ?? divisors.at(-1) ?? 1
}

/** Parts of the output channels: as few as make images an even load for threads. Each part reads all of an image. */
function partsOf({ images, groups, to }: Correlation, width: number, threads: number): number {
  const shares = groups > 1 ? groups : to % width === 0 ? to / width : 1
  const load = (parts: number) => (Math.ceil((images * parts) / threads) * threads) / (images * parts)
  let best = 1
  for (let parts = 2; parts <= Math.min(threads, shares) && load(best) > EVEN; parts++)
    if (shares % parts === 0 && load(parts) < load(best)) best = parts
  return best
}

/** How much longer than on average the busiest thread may take. */
const EVEN = 1.1
