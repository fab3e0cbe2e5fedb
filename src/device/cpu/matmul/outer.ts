import type { Recipe, Stage } from '../recipe.ts'
import { storeLanes } from '../rows.ts'
import { type I32, type Index, i32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { deeper, linesOf } from './operands.ts'
import { packLines, packPanel } from './pack.ts'
import { forPanels, type Panel, type Panels, panelsOf } from './panels.ts'
import type { BatchDim, Product } from './product.ts'
import { clear, emitTile, evenly, newSums, type Sums } from './tile.ts'
import {
  batchOffset,
  depthStep,
  forDepth,
  forTiles,
  forUnits,
  leastOf,
  mostOf,
  multiplyStage,
  type Split,
  spanOf,
  unitsOf,
} from './units.ts'

/** Numbers of a dot product that go into one sum: more would cost accuracy, and overflow the first cache. */
const DEPTH = 256

const FIRST_CACHE = 32768

/** The tallest tile (see `Sums`) of so many vectors, less one. */
const TALLEST = [6, 4, 2, 2, 1, 1]

/** How a product is computed with results in lanes: tiles of rows by vectors of columns. */
export interface OuterPlan {
  readonly form: 'outer'
  readonly split: Split
  /** Vectors in a panel. */
  readonly width: number
  /** Whether each block of rows is copied so that rows lie along k. Else numbers are read where they are. */
  readonly packLeft: boolean
  /** Whether the right operand is copied into panels by a stage of its own. Else it is read where it is: `line` is 1. */
  readonly packRight: boolean
}

/** A product whose right operand has at least 4 lines. */
export function outerRecipe(product: Product, plan: OuterPlan): Recipe {
  const panels = panelsOf(product.n, plan.width)
  const stage = multiplyStage(product, plan.split, {
    key: `matmul outer ${JSON.stringify({ product, plan })}`,
    scratch: plan.packLeft ? mostOf(plan.split.rows, product.m) * packedLine(product) : 0,
    build: (f) => buildProduct(f, product, plan, panels),
  })
  if (!plan.packRight) return { workspace: 0, stages: [stage] }
  const batch = product.batch.filter((dim) => dim.right !== 0)
  const matrices = batch.reduce((count, { size }) => count * size, 1)
  return {
    workspace: matrices * packedBytes(product, panels),
    stages: [packStage({ ...product, batch }, panels, matrices), stage],
  }
}

const packedLine = ({ k }: Product): number => 4 * depthStep(k, DEPTH) + 16

const packedBytes = ({ k }: Product, { vectors }: Panels): number => 16 * k * vectors

/** Packs the matrices of the right operand into panels in the workspace. */
function packStage(product: Product, panels: Panels, matrices: number): Stage {
  const { batch, n, k, right } = product
  const { width, count } = panels
  // Along the lines that are in a row: a panel each, or some rows of all panels.
  const across = right.line === 1
  const split = { batch: matrices, rows: across ? Math.ceil(k / 16) : 1, columns: across ? 1 : count }
  const units = unitsOf(split)
  const build = (f: Func) => {
    forUnits(f, split, (matrix, depthBlock, columnBlock) => {
      const depths = spanOf(f, depthBlock, split.rows, k)
      const from = deeper(f, linesOf(f, product, 'right', matrix, 0), depths.from)
      const to = f.let(i32.add(f.pointer(3), i32.mul(matrix, packedBytes(product, panels))))
      forPanels(f, panels, spanOf(f, columnBlock, split.columns, count), (number, { shift, columns }) => {
        const first = i32.add(i32.mul(number, 4 * width * from.line), shift * from.line)
        const start = i32.add(i32.mul(number, 16 * width * k), i32.mul(depths.from, 16 * columns.length))
        const lines = { ...from, at: f.let(i32.add(from.at, first)) }
        packPanel(f, lines, columns, depths.count, f.let(i32.add(to, start)))
      })
    })
  }
  return {
    routine: { key: `matmul pack ${JSON.stringify({ batch, n, k, right, width })}`, scratch: 0, build },
    units,
    cost: (matrices * k * n) / units / 8,
  }
}

function buildProduct(f: Func, product: Product, plan: OuterPlan, panels: Panels): void {
  const { batch, m, n, k, right } = product
  const { split, width, packLeft, packRight } = plan
  const strides = packedStrides(batch)
  const out = f.pointer(2)
  forUnits(f, split, (matrix, rowBlock, columnBlock) => {
    const rows = spanOf(f, rowBlock, split.rows, m)
    const some = spanOf(f, columnBlock, split.columns, panels.count)
    const left = linesOf(f, product, 'left', matrix, rows.from)
    const packed = i32.mul(
      batchOffset(f, matrix, batch, (_, d) => strides[d]!),
      packedBytes(product, panels),
    )
    const b = packRight ? f.let(i32.add(f.pointer(3), packed)) : linesOf(f, product, 'right', matrix, 0).at
    const result = f.let(i32.add(out, i32.mul(i32.add(i32.mul(matrix, m), rows.from), 4 * n)))

    forDepth(f, k, DEPTH, (from, depth) => {
      let lines = deeper(f, left, from)
      if (packLeft) {
        const to = { at: f.scratch, line: packedLine(product), depth: 4 }
        packLines(f, lines, { count: rows.count, least: leastOf(split.rows, m) }, depth, to)
        lines = to
      }
      const tile = (number: Index, panel: Panel, row: I32, height: number) => {
        const vectors = panel.columns.length
        const first = i32.add(i32.mul(number, 16 * width), 4 * panel.shift)
        const step = packRight ? 16 * vectors : 4 * right.depth
        const start = packRight ? i32.mul(number, 16 * width * k) : first
        const columns = {
          at: i32.add(b, i32.add(start, i32.mul(from, step))),
          step,
          offsets: packRight ? evenly(vectors, 16) : panel.columns.map((column) => 4 * column),
        }
        const sums = newSums(f, height, vectors)
        clear(f, sums)
        const at = i32.add(lines.at, i32.mul(row, lines.line))
        emitTile(f, sums, depth, { at, step: lines.depth, offsets: evenly(height, lines.line) }, columns)
        storeTile(f, f.let(i32.add(result, i32.add(first, i32.mul(row, 4 * n)))), 4 * n, sums, panel, from)
      }
      const most = mostOf(split.rows, m)
      // With little depth results are most of the traffic: in order, as long as the right operand stays in the cache.
      if (16 * k * panels.vectors <= FIRST_CACHE)
        forTiles(f, rows.count, most, TALLEST[width - 1]!, (row, height) => {
          forPanels(f, panels, some, (number, panel) => tile(number, panel, row, height))
        })
      else
        forPanels(f, panels, some, (number, panel) => {
          const tallest = TALLEST[panel.columns.length - 1]!
          forTiles(f, rows.count, most, tallest, (row, height) => tile(number, panel, row, height))
        })
    })
  })
}

/** By how many packed matrices each dim of the batch moves. */
function packedStrides(batch: readonly BatchDim[]): number[] {
  let stride = 1
  return batch
    .toReversed()
    .map(({ right, size }) => {
      if (right === 0) return 0
      stride *= size
      return stride / size
    })
    .toReversed()
}

/** Stores a tile, or, from the second depth on, adds it to what is there. */
function storeTile(f: Func, to: I32, line: number, sums: Sums, panel: Panel, depth: Index): void {
  const { columns, overlap } = panel
  const last = columns.length - 1
  const each = (body: (sum: Local<'v128'>, offset: number, overlap: number) => void) => {
    sums.forEach((row, r) => {
      row.forEach((sum, v) => {
        body(sum, r * line + 4 * columns[v]!, v === last ? overlap : 0)
      })
    })
  }
  if (typeof depth !== 'number')
    f.if(depth, () => each((sum, offset) => f.set(sum, f32x4.add(v128.load(to, offset), sum))))
  each((sum, offset, overlap) => {
    const lane = (i: number) => Math.min(i + overlap, 3)
    if (overlap > 0) f.set(sum, v128.shuffle32(sum, sum, [lane(0), lane(1), lane(2), lane(3)]))
    storeLanes(f, to, sum, offset + 4 * overlap, 4 - overlap)
  })
}
