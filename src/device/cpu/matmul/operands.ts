import { type Index, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import type { Lines } from './pack.ts'
import type { Operand, Product } from './product.ts'
import { batchOffset } from './units.ts'

/** The lines of one of the batch's matrices, from line `first` on, as they lie in memory. */
export function linesOf(
  f: Func,
  product: Pick<Product, 'batch' | 'left' | 'right'>,
  side: 'left' | 'right',
  matrix: Index,
  first: Index,
): Lines {
  const { argument, offset, line, depth } = product[side]
  const start = i32.add(
    batchOffset(f, matrix, product.batch, (dim) => dim[side]),
    offset,
  )
  const at = i32.add(f.pointer(argument), i32.mul(i32.add(start, i32.mul(first, line)), 4))
  return { at: f.let(at), line: 4 * line, depth: 4 * depth }
}

/** The same lines from number `depth` on. */
export const deeper = (f: Func, lines: Lines, depth: Index): Lines => ({
  ...lines,
  at: f.let(i32.add(lines.at, i32.mul(depth, lines.depth))),
})

/** Whether lines lie in rows that can be read as they are. */
export const inRows = ({ line, depth }: Operand): boolean => depth === 1 && line >= 0
