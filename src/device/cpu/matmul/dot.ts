import type { Recipe } from '../recipe.ts'
import { loadLanes, storeLanes } from '../rows.ts'
import { type I32, type Index, i32, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { sumsOfLanes } from './lanes.ts'
import { deeper, inRows, linesOf } from './operands.ts'
import { type Lines, packLines } from './pack.ts'
import type { Product } from './product.ts'
import { evenly } from './tile.ts'
import {
  depthStep,
  forDepth,
  forTiles,
  forUnits,
  leastOf,
  mostOf,
  multiplyStage,
  type Span,
  type Split,
  spanOf,
} from './units.ts'

/** Numbers of a dot product per block: what tiles share should stay in the cache. */
const DEPTH = 1024

/** How a product is computed by dot products along k, four numbers at a time, each operand's lines being in rows. */
export interface DotPlan {
  readonly form: 'dot'
  readonly split: Split
}

/** Lines of numbers in rows, `line` bytes from one to the next. */
type Rows = Pick<Lines, 'at' | 'line'>

/** The tile that fits into the machine's registers (see `Sums`). */
function tileOf(m: number, n: number): { readonly height: number; readonly width: number } {
  if (m === 1) return { height: 1, width: Math.min(n, 6) }
  return n === 2 ? { height: 4, width: 2 } : { height: 2, width: Math.min(n, 4) }
}

export function dotRecipe(product: Product, plan: DotPlan): Recipe {
  const { m, n, k } = product
  const { split } = plan
  const tile = tileOf(m, n)
  const stride = 4 * depthStep(k, DEPTH) + 16
  const most = { left: mostOf(split.rows, m), right: mostOf(split.columns, n) }
  const least = { left: leastOf(split.rows, m), right: leastOf(split.columns, n) }
  const scratch = {
    left: inRows(product.left) ? 0 : most.left * stride,
    right: inRows(product.right) ? 0 : most.right * stride,
  }

  const build = (f: Func) => {
    const out = f.pointer(2)
    const room = { left: f.scratch, right: f.let(i32.add(f.scratch, scratch.left)) }
    /** The lines of a span, which are packed where they must be, from some depth on. */
    const rowsOf = (side: 'left' | 'right', matrix: Index, span: Span) => {
      const lines = linesOf(f, product, side, matrix, span.from)
      return (from: Index, depth: Index): Rows => {
        const some = deeper(f, lines, from)
        if (inRows(product[side])) return some
        packLines(f, some, { count: span.count, least: least[side] }, depth, { at: room[side], line: stride })
        return { at: room[side], line: stride }
      }
    }
    forUnits(f, split, (matrix, rowBlock, columnBlock) => {
      const rows = spanOf(f, rowBlock, split.rows, m)
      const columns = spanOf(f, columnBlock, split.columns, n)
      const [lefts, rights] = [rowsOf('left', matrix, rows), rowsOf('right', matrix, columns)]
      const first = i32.add(i32.mul(i32.add(i32.mul(matrix, m), rows.from), n), columns.from)
      const result = f.let(i32.add(out, i32.mul(first, 4)))
      forDepth(f, k, DEPTH, (from, depth) => {
        const [a, b] = [lefts(from, depth), rights(from, depth)]
        forTiles(f, columns.count, most.right, tile.width, (column, width) => {
          const right = lineAt(f, b, column)
          forTiles(f, rows.count, most.left, tile.height, (row, height) => {
            const sums = emitDots(f, { height, width }, lineAt(f, a, row), right, { depth, k })
            const to = f.let(i32.add(result, i32.add(i32.mul(row, 4 * n), i32.shl(column, 2))))
            sums.forEach((row, r) => {
              storeSums(f, to, 4 * n * r, row, from)
            })
          })
        })
      })
    })
  }
  const name = `matmul dot ${JSON.stringify({ product, split })}`
  return {
    workspace: 0,
    stages: [multiplyStage(product, split, { key: name, scratch: scratch.left + scratch.right, build })],
  }
}

const lineAt = (f: Func, { at, line }: Rows, number: Index): Rows => ({
  at: f.let(i32.add(at, i32.mul(number, line))),
  line,
})

/**
 * The dot products of `height` rows with `width` others over `depth` numbers (a multiple of 4, or up to the end of k),
 * as vectors whose lanes are yet to be summed. With few results several vectors at a time go into sums of their own, so
 * that additions need not wait.
 */
function emitDots(
  f: Func,
  { height, width }: { readonly height: number; readonly width: number },
  left: Rows,
  right: Rows,
  { depth, k }: { readonly depth: Index; readonly k: number },
): Local<'v128'>[][] {
  const chains = height * width === 1 ? 4 : height * width === 2 ? 2 : 1
  const [rows, columns] = [evenly(height, left.line), evenly(width, right.line)]
  const sums = rows.map(() => columns.map(() => evenly(chains, 1).map(() => f.local('v128'))))
  for (const sum of sums.flat(2)) f.set(sum, f32x4.const(0))

  const [a, b, at] = [f.let(left.at), f.let(right.at), f.local('i32')]
  const add = (chain: number, read: (from: I32, offset: number) => V128) => {
    const rights = columns.map((offset) => f.let(read(b, offset + 16 * chain)))
    rows.forEach((offset, r) => {
      const value = f.let(read(a, offset + 16 * chain))
      rights.forEach((other, c) => {
        const sum = sums[r]![c]![chain]!
        f.set(sum, f32x4.mulAdd(value, other, sum))
      })
    })
  }
  const rounds = (from: Index, vectors: number): Index => {
    const size = 4 * vectors
    const below = typeof depth === 'number' ? depth - (depth % size) : f.let(i32.and(depth, -size))
    f.for(at, from, below, size, () => {
      for (let v = 0; v < vectors; v++) add(v, v128.load)
      f.set(a, i32.add(a, 4 * size))
      f.set(b, i32.add(b, 4 * size))
    })
    return below
  }
  const done = rounds(0, chains)
  if (chains > 1) rounds(done, 1)
  if (k % 4 > 0) {
    const tail = () => add(0, (from, offset) => loadLanes(from, offset, k % 4))
    // Only the last depth has one.
    if (typeof depth === 'number') tail()
    else f.if(i32.and(depth, 3), tail)
  }
  for (const [first, ...others] of sums.flat())
    for (const other of others) f.set(first!, f32x4.add(first!, other))
  return sums.map((row) => row.map((sum) => sum[0]!))
}

/** Stores a row of results, or, from the second depth on, adds it to what is there. */
function storeSums(f: Func, to: I32, offset: number, sums: readonly Local<'v128'>[], depth: Index): void {
  for (let c = 0; c < sums.length; c += 4) {
    const lane = (i: number) => sums[Math.min(c + i, sums.length - 1)]!
    const count = Math.min(4, sums.length - c)
    const value = f.let(sumsOfLanes(f, [lane(0), lane(1), lane(2), lane(3)]))
    const place = offset + 4 * c
    if (typeof depth !== 'number')
      f.if(depth, () => f.set(value, f32x4.add(loadLanes(to, place, count), value)))
    storeLanes(f, to, value, place, count)
  }
}
