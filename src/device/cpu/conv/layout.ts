import { Regions } from '../regions.ts'
import type { Axis, Correlation } from './correlation.ts'
import { type Planes, planesOf } from './planes.ts'
import { PLACE, type Tile, TOTALS } from './tile.ts'

/** A record of the table of phases, in bytes: where each number lies. All but `weights` are bounds of a table's part. */
export const PHASE = { taps: 0, tapsEnd: 4, places: 8, placesEnd: 12, weights: 16, bytes: 32 } as const

/** An entry of an axis' table: a `Phase`. */
export const AXIS_PHASE = { tap: 0, taps: 4, shift: 8, places: 12, bytes: 16 } as const

/** How a correlation is computed, and where everything lies. */
export interface Layout {
  readonly correlation: Correlation
  readonly tile: Tile
  readonly planes: Planes
  /** Images that are computed together. */
  readonly block: number
  /** Parts of a block's output channels, a unit of work each. */
  readonly parts: number
  /** Panels of `tile.width` output channels in a group. */
  readonly panels: number
  /** Bytes from one image of a block to the next, as they are read. */
  readonly imageStep: number
  /** In the workspace. */
  readonly tables: {
    readonly rows: number
    readonly cols: number
    readonly phases: number
    readonly taps: number
    readonly places: number
    readonly weights: number
  }
  readonly workspace: number
  readonly scratch: number
}

export interface Choice {
  readonly tile: Tile
  /** Runs that columns are dealt out into while they are copied. */
  readonly runs: number
  readonly block: number
  readonly parts: number
}

export function layoutOf(correlation: Correlation, { tile, runs, block, parts }: Choice): Layout {
  const { rows, cols, from, to, groups } = correlation
  const planes = planesOf(rows, cols, runs, { planes: from })
  const panels = Math.ceil(to / tile.width)
  const phases = rows.phases.length * cols.phases.length
  const taps = from * tapsOf(rows) * tapsOf(cols)
  const regions = new Regions()
  const { take } = regions
  const tables = {
    rows: take(AXIS_PHASE.bytes * rows.phases.length),
    cols: take(AXIS_PHASE.bytes * cols.phases.length),
    phases: take(PHASE.bytes * phases),
    taps: take(4 * taps),
    places: take(PLACE * (block * entriesOf(correlation, tile.run) + phases * (tile.entries - 1))),
    weights: take(4 * groups * panels * tile.width * taps),
  }
  const imageStep = planes.copied ? from * planes.plane : groups * from * planes.plane
  const scratch = TOTALS + (planes.copied ? block * imageStep : 0)
  return {
    correlation,
    tile,
    planes,
    block,
    parts,
    panels,
    imageStep,
    tables,
    workspace: regions.bytes,
    scratch,
  }
}

/** Taps of all phases together. */
const tapsOf = ({ phases }: Axis): number => phases.reduce((sum, phase) => sum + phase.taps, 0)

/** Entries of the table of places for one image, where each stands for `run` places side by side. */
export const entriesOf = ({ rows, cols }: Correlation, run: number): number =>
  rows.phases.reduce((sum, phase) => sum + phase.places, 0) *
  cols.phases.reduce((sum, phase) => sum + Math.ceil(phase.places / run), 0)
