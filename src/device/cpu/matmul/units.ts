import type { Stage } from '../recipe.ts'
import { type I32, type Index, i32, index, select } from '../wasm/expr.ts'
import type { Func, Routine } from '../wasm/func.ts'
import type { BatchDim, Product } from './product.ts'

/** A product as units of work: every matrix of the batch in blocks of rows, these in blocks of columns. */
export interface Split {
  readonly batch: number
  readonly rows: number
  readonly columns: number
}

export const unitsOf = ({ batch, rows, columns }: Split): number => batch * rows * columns

/** Runs `body` for the units that the routine is called with; what cannot vary is the constant 0. */
export function forUnits(
  f: Func,
  { batch, rows, columns }: Split,
  body: (matrix: Index, row: Index, column: Index) => void,
): void {
  const unit = f.local('i32')
  f.for(unit, f.lo, f.hi, 1, () => {
    let rest: I32 = unit
    const next = (count: number, last: boolean): Index => {
      if (count === 1) return 0
      if (last) return rest
      const above = f.let(i32.divU(rest, count))
      const digit = f.let(i32.sub(rest, i32.mul(above, count)))
      rest = above
      return digit
    }
    const column = next(columns, batch * rows === 1)
    const row = next(rows, batch === 1)
    body(next(batch, true), row, column)
  })
}

/** Some of a run of things: numbers where they are known. */
export interface Span {
  readonly from: Index
  readonly count: Index
}

/** Block number `block` of `total` things in `blocks` blocks; the first ones hold one more where that must be. */
export function spanOf(f: Func, block: Index, blocks: number, total: number): Span {
  if (blocks === 1) return { from: 0, count: total }
  const least = leastOf(blocks, total)
  const longer = total - blocks * least
  if (longer === 0) return { from: f.let(i32.mul(block, least)), count: least }
  const isLonger = i32.ltS(block, longer)
  const from = i32.add(i32.mul(block, least), select(isLonger, index(block), index(longer)))
  return { from: f.let(from), count: f.let(i32.add(isLonger, least)) }
}

/** The most, and the fewest, things that one of `blocks` blocks holds. */
export const mostOf = (blocks: number, total: number): number => Math.ceil(total / blocks)
export const leastOf = (blocks: number, total: number): number => Math.floor(total / blocks)

/**
 * Walks `count` things in tiles of equal height, the last ones lower by one where that leaves none over: 9 rows are 3
 * tiles of 3, not two of 4 and one of 1. A count that is no number is `largest` or one less.
 */
export function forTiles(
  f: Func,
  count: Index,
  largest: number,
  tallest: number,
  body: (at: I32, height: number) => void,
): void {
  const height = Math.ceil(largest / Math.ceil(largest / tallest))
  const at = f.local('i32')
  const walk = (from: Index, below: Index, height: number) =>
    f.for(at, from, below, height, () => body(at, height))
  if (typeof count === 'number') {
    const lower = height * Math.ceil(count / height) - count
    const turn = count - lower * (height - 1)
    walk(0, turn, height)
    if (lower > 0) walk(turn, count, height - 1)
    return
  }
  const lower = i32.sub(i32.mul(i32.divU(i32.add(count, height - 1), height), height), count)
  const turn = f.let(i32.sub(count, i32.mul(lower, height - 1)))
  walk(0, turn, height)
  if (height > 1) walk(turn, count, height - 1)
}

/** The length of all blocks but the last that `forDepth` walks: a multiple of 4. */
export function depthStep(total: number, most: number): number {
  const blocks = Math.ceil(total / most)
  if (blocks === 1) return total
  let step = 4 * Math.ceil(total / blocks / 4)
  // The last block must have room for a vector.
  while (((total - 1) % step) + 1 < 4) step += 4
  return step
}

/** Walks 0 .. total in blocks of `depthStep(total, most)`. */
export function forDepth(
  f: Func,
  total: number,
  most: number,
  body: (from: Index, count: Index) => void,
): void {
  const step = depthStep(total, most)
  if (step === total) {
    body(0, total)
    return
  }
  const at = f.local('i32')
  f.for(at, 0, total, step, () => {
    if (total % step === 0) body(at, step)
    else {
      const rest = f.let(i32.sub(total, at))
      body(at, f.let(select(i32.ltS(rest, step), rest, i32.const(step))))
    }
  })
}

/** Elements from the first matrix of a batch to matrix number `matrix`, moving by `stride` along each dim. */
export function batchOffset(
  f: Func,
  matrix: Index,
  batch: readonly BatchDim[],
  stride: (dim: BatchDim, d: number) => number,
): Index {
  let offset: Index = 0
  let rest = matrix
  for (let d = batch.length - 1; d >= 0; d--) {
    const { size } = batch[d]!
    const above = d === 0 ? null : f.let(i32.divU(rest, size))
    const digit = above === null ? rest : f.let(i32.sub(rest, i32.mul(above, size)))
    const step = stride(batch[d]!, d)
    if (step !== 0) offset = i32.add(offset, i32.mul(digit, step))
    if (above !== null) rest = above
  }
  return typeof offset === 'number' ? offset : f.let(offset)
}

/** The stage that multiplies, from its routine. */
export function multiplyStage(product: Product, split: Split, routine: Routine): Stage {
  const { m, n, k } = product
  const units = unitsOf(split)
  const whole = split.columns === 1 && m % split.rows === 0
  return {
    routine,
    units,
    cost: (split.batch * m * n * k) / units / 20,
    ...(whole ? { completes: (m / split.rows) * n } : {}),
  }
}
