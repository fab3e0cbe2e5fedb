import type { I32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'

/** What a tile is computed from; all addresses. */
export interface TileInputs {
  /** Begins each thread's part of scratch memory that tiles may use for themselves. */
  readonly totals: I32
  /** The entry of the tile's first place in the table of places. */
  readonly places: I32
  readonly source: I32
  /** Bytes from what a place of a run meets to what the next one meets. */
  readonly columnStep: number
  /** The table of taps: what to add to a place for each. */
  readonly taps: I32
  readonly tapsEnd: Local<'i32'>
  /** A panel of weights: `width` for each tap. */
  readonly weights: I32
  /** The panel's first output channel in the first image. */
  readonly out: I32
}

/** A register tile: `width` output channels at some places of an image, of which `run` lie side by side. */
export interface Tile {
  readonly name: string
  readonly width: number
  readonly run: number
  /** Entries of the table of places that a tile takes. */
  readonly entries: number
  /** Computes and stores the first `channels` of a panel at a tile's places. */
  readonly emit: (f: Func, inputs: TileInputs, channels: number) => void
}

/** Bytes of scratch memory for `TileInputs.totals`. */
export const TOTALS = 256

/** An entry of the table of places: where it is in the source, and in the output; bytes. */
export const PLACE = 8
