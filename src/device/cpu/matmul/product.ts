import type { View } from '../../../view.ts'
import type { MatmulKernel } from '../../kernel.ts'

/**
 * Rows of the left operand, or columns of the right one, each a line of `k` numbers. Strides and offset count elements.
 */
export interface Operand {
  /** Which of the kernel's inputs it is. */
  readonly argument: 0 | 1
  readonly offset: number
  /** From one line to the next. */
  readonly line: number
  /** From one number of a line to the next. */
  readonly depth: number
}

export interface BatchDim {
  readonly size: number
  readonly left: number
  readonly right: number
}

/** out[batch][i][j] = sum over k of left[batch][i][k] * right[batch][j][k]; `out` is contiguous. */
export interface Product {
  readonly batch: readonly BatchDim[]
  readonly m: number
  readonly n: number
  readonly k: number
  readonly left: Operand
  readonly right: Operand
}

export const batchSize = ({ batch }: Product): number => batch.reduce((size, dim) => size * dim.size, 1)

/**
 * A kernel's product in its simplest form: few batch dims, no more batch dims that only the left operand has than must
 * be, and one row rather than one column.
 */
export function productOf({ out, inputs }: MatmulKernel): Product {
  const [x, y] = inputs as readonly [View, View]
  const rank = out.length
  const [m, n] = [out[rank - 2]!, out[rank - 1]!]
  const k = x.shape[rank - 1]!
  // Where there is one line, or one number in a line, any stride is right.
  const operand = (argument: 0 | 1, view: View, line: number, depth: number): Operand => ({
    argument,
    offset: view.offset,
    line: view.shape[line] === 1 ? 0 : view.strides[line]!,
    depth: k === 1 ? 1 : view.strides[depth]!,
  })
  const left = operand(0, x, rank - 2, rank - 1)
  const right = operand(1, y, rank - 1, rank - 2)
  const batch = out.slice(0, -2).map(
    (size, d): BatchDim => ({
      size,
      left: x.strides[d]!,
      right: y.strides[d]!,
    }),
  )
  return oneRow(rowsFromBatch({ batch: joined(batch), m, n, k, left, right }))
}

/** Batch dims without those of size 1, and neighbours joined where both operands move through them evenly. */
function joined(batch: readonly BatchDim[]): BatchDim[] {
  const result: BatchDim[] = []
  for (const dim of batch) {
    if (dim.size === 1) continue
    const outer = result.at(-1)
    if (outer && outer.left === dim.left * dim.size && outer.right === dim.right * dim.size)
      result[result.length - 1] = { ...dim, size: outer.size * dim.size }
    else result.push(dim)
  }
  return result
}

/** Batch dims along which the right operand repeats are more rows of the left one, if these lie evenly. */
function rowsFromBatch(product: Product): Product {
  const { batch, m, left } = product
  const last = batch.at(-1)
  if (last?.right !== 0 || (m > 1 && last.left !== m * left.line)) return product
  const line = m > 1 ? left.line : last.left
  return rowsFromBatch({
    ...product,
    batch: batch.slice(0, -1),
    m: m * last.size,
    left: { ...left, line },
  })
}

/** A single column of results lies in memory as a single row does: the same product with its operands exchanged. */
function oneRow(product: Product): Product {
  if (product.n > 1) return product
  return {
    ...product,
    batch: product.batch.map(({ size, left, right }) => ({ size, left: right, right: left })),
    m: 1,
    n: product.m,
    left: product.right,
    right: product.left,
  }
}
