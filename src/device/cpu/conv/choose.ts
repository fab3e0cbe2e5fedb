import type { RecipeOptions } from '../recipe.ts'
import type { Correlation } from './correlation.ts'
import { type Choice, entriesOf } from './layout.ts'
import type { Tile } from './tile.ts'
import { channelTile } from './tile-channels.ts'
import { rowTile } from './tile-row.ts'

/** Places that are worth going through the weights for. */
const WORTHWHILE = 16

export function choose(correlation: Correlation, { threads }: RecipeOptions): Choice {
  const env = (globalThis as any).process.env
  const wide = env.R
    ? correlation.to < Number(env.R) && shortestOf(correlation) >= 4
    : correlation.to < 8 && shortestOf(correlation) >= 4
  const tile = wide
    ? rowTile(correlation, Math.min(4, correlation.to) as 1)
    : channelTile(correlation, runOf(correlation))
  const block = blockOf(correlation, tile)
  const runs = wide || correlation.cols.kernel === 1 ? correlation.cols.inStep : 1
  return { tile, runs, block, parts: partsOf(correlation, block, tile.width, threads) }
}

/** The shortest row of places of a phase. */
const shortestOf = ({ cols }: Correlation): number =>
  Math.min(...cols.phases.flatMap(({ places }) => (places > 0 ? [places] : [])))

/** How much slower places are that lie in shorter runs: addresses take time. */
const SLOWER = { 4: 1, 2: 1.02, 1: 1.09 } as const

/** The run that takes least time, with what it computes twice. */
function runOf(correlation: Correlation): 1 | 2 | 4 {
  const time = (run: 1 | 2 | 4) =>
    run > shortestOf(correlation) ? Number.POSITIVE_INFINITY : run * entriesOf(correlation, run) * SLOWER[run]
  return ([4, 2, 1] as const).reduce((best, run) => (time(run) < time(best) ? run : best))
}

/** Images together where each has few places, as many as divide the batch. */
function blockOf(correlation: Correlation, tile: Tile): number {
  const { images, rows, cols } = correlation
  const places = (rows.out * cols.out) / (rows.outStep * cols.outStep)
  let block = 1
  while (block < images && (images % block !== 0 || block * places < 4 * tile.run * tile.entries)) block++
  return block
}

/** Parts of the output channels, where there are fewer blocks of images than threads can share. */
function partsOf({ images, groups, to }: Correlation, block: number, width: number, threads: number): number {
  const shares = groups > 1 ? groups : to % width === 0 ? to / width : 1
  if (block > 1 || images >= 2 * threads) return 1
  let parts = Math.min(threads, shares)
  while (shares % parts !== 0) parts--
  return parts
}
