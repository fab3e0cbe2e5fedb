import type { DotPlan } from './dot.ts'
import { inRows } from './operands.ts'
import type { OuterPlan } from './outer.ts'
import { panelsOf } from './panels.ts'
import { batchSize, type Operand, type Product } from './product.ts'
import type { Split } from './units.ts'

export type Plan = OuterPlan | DotPlan

/** Multiply-adds that one core does in a nanosecond. */
const RATE = 25

/** Rows that a unit has at most, so that with a depth's numbers they fit into the second cache. */
const ROWS = 128

/** Work below which threads are no use, in nanoseconds. */
const SMALL = 20_000

/**
 * The fastest plan by what was measured (AMD Zen 5): costs count the time of one multiply-add at full speed, per
 * multiply-add of the product.
 */
export function planOf(product: Product, threads: number): Plan {
  const { m, n, k, left, right } = product
  const dot = (): Plan => ({ form: 'dot', split: splitOf(product, threads, n, 12) })
  if (n < 4) return dot()
  // A number of the left operand serves n multiply-adds, one of the right operand m.
  const copyLeft = copying(left, m * k) / n
  const copyRight = copying(right, n * k) / m
  const width = Math.min(m === 1 ? 6 : m === 2 ? 4 : 2, Math.ceil(n / 4))
  const packLeft = left.line < 0 || copyLeft < unpackedLeft(product)
  const packRight = right.line !== 1 || copyRight + STAGE / (m * n * k) < unpackedRight(product)
  const outerCost =
    columnsCost(n, width) / n +
    1 / k +
    (packLeft ? copyLeft : unpackedLeft(product)) +
    (packRight ? copyRight + STAGE / (m * n * k) : unpackedRight(product))
  const dotCost = 1 + 12 / k + (inRows(left) ? 0 : copyLeft) + (inRows(right) ? 0 : copyRight)
  const roomy = inRows(right) || n * Math.min(k, 1024) <= 16384
  if (roomy && dotCost < outerCost) return dot()
  const { count } = panelsOf(n, width)
  return { form: 'outer', split: splitOf(product, threads, count, 1), width, packLeft, packRight }
}

/** A stage more. */
const STAGE = 600

/** Copying one of `count` numbers: fast where four at a time can be moved, slower from and to the third cache. */
function copying({ line, depth }: Operand, count: number): number {
  if (line !== 1 && depth !== 1) return 25
  return 4 * count > 2 ** 20 ? 9 : 2.5
}

/** A panel costs the more per column the narrower it is. */
const PANEL = [5.3, 8, 12.5, 16, 20, 24]

function columnsCost(n: number, width: number): number {
  const { full, rest } = panelsOf(n, width)
  return full * PANEL[width - 1]! + (rest ? PANEL[rest.columns.length - 1]! : 0)
}

/** Rows read as they lie: each number of a column is in a cache line of its own. */
function unpackedLeft({ m, k, left: { line, depth } }: Product): number {
  if (depth === 1 || depth === 0) return 0
  if (line !== 1 && m > 1) return 0.5
  if (aliased(depth, k)) return 0.8
  return 4 * k * Math.max(m, 16) > 32768 ? 0.06 : 0
}

function unpackedRight({ n, k, right: { depth } }: Product): number {
  if (aliased(depth, k)) return 1
  return 4 * k * n <= 131072 ? 0 : 4 * depth >= 2048 ? 0.1 : 0.04
}

/** Whether `count` numbers one stride apart all fall into one set of the first cache, and drive each other out. */
const aliased = (stride: number, count: number): boolean => stride !== 0 && stride % 1024 === 0 && count > 8

/**
 * Blocks of rows, as many as threads can share evenly, and of equal size where that is near; or, where rows are few,
 * blocks of columns, which come in `columns` steps of which a block needs `least`.
 */
function splitOf(product: Product, threads: number, columns: number, least: number): Split {
  const { m, n, k } = product
  const batch = batchSize(product)
  const base = Math.ceil(m / ROWS)
  const small = (batch * m * n * k) / RATE < SMALL
  const even = (units: number) => small || units % threads === 0 || units >= 4 * threads
  const most = Math.max(1, Math.floor(m / 8))
  let first = base
  while (first <= most && !even(batch * first)) first++
  if (first <= most) {
    let rows = first
    while (rows <= Math.min(most, 2 * first) && !(m % rows === 0 && even(batch * rows))) rows++
    return { batch, rows: m % rows === 0 && even(batch * rows) ? rows : first, columns: 1 }
  }
  let blocks = 1
  while (blocks < threads && !even(batch * base * blocks)) blocks++
  return { batch, rows: base, columns: columns / blocks >= least ? blocks : 1 }
}
