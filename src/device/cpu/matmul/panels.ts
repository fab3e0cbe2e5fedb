import { type Index, i32, index, select } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { evenly } from './tile.ts'
import type { Span } from './units.ts'

/** Columns that tiles compute together. */
export interface Panel {
  /** From the place that the panel has among full ones to where its vectors are counted from: 0 or less. */
  readonly shift: number
  /** The first column of each vector. */
  readonly columns: readonly number[]
  /** How many of the last vector's columns belong to the vector before: no vector reaches beyond the matrix. */
  readonly overlap: number
}

/** The columns of a matrix, at least 4, as panels; `width` is that of the full ones, in vectors. */
export interface Panels {
  readonly width: number
  readonly full: number
  /** What remains behind them. */
  readonly rest: Panel | null
  /** How many panels that is in all. */
  readonly count: number
  /** Vectors in all. */
  readonly vectors: number
}

export function panelsOf(n: number, width: number): Panels {
  const vectors = Math.ceil(n / 4)
  const full = Math.floor(n / (4 * width))
  const left = vectors - full * width
  if (left === 0) return { width, full, rest: null, count: full, vectors }
  const overlap = 4 * vectors - n
  const shift = left === 1 ? -overlap : 0
  const columns = evenly(left, 4).map((column, v) => (v === left - 1 && v > 0 ? column - overlap : column))
  return { width, full, rest: { shift, columns, overlap }, count: full + 1, vectors }
}

/** Walks a span of panels: the full ones among them, then the rest. */
export function forPanels(
  f: Func,
  { width, full, rest }: Panels,
  { from, count }: Span,
  body: (number: Index, panel: Panel) => void,
): void {
  const number = f.local('i32')
  const known = typeof from === 'number' && typeof count === 'number' ? from + count : null
  const end = known ?? f.let(i32.add(from, count))
  if (full > 0) {
    const wholes = known === null ? f.let(select(i32.ltS(end, full), index(end), index(full))) : full
    f.for(number, from, wholes, 1, () => body(number, { shift: 0, columns: evenly(width, 4), overlap: 0 }))
  }
  if (rest === null) return
  if (known !== null) body(full, rest)
  else f.if(i32.gtS(end, full), () => body(full, rest))
}
