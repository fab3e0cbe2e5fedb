import { newSums } from '../matmul/tile.ts'
import type { Recipe, RecipeOptions } from '../recipe.ts'
import { Regions } from '../regions.ts'
import { zero } from '../rows.ts'
import { type I32, i32 } from '../wasm/expr.ts'
import type { Func, Routine } from '../wasm/func.ts'
import { inputsOf, keyOf, type Plane, productsOf, roundUp, spread } from './axis.ts'
import { type Blocks, blocksOf, type Extent, extentOf, forTiles } from './block.ts'
import { lanesFromTable } from './lanes.ts'
import { type HalfOutputs, halfOutputsOf, transformOutputRows, transformTiles } from './outputs.ts'
import { forProducts, keepSums, sumPanels, tileTime } from './product.ts'
import { transformWeights, type Weights, weightBytes, weightPlane } from './weights.ts'
import { type Half, halfOf, transformRows, transformWindows } from './windows.ts'

/** A convolution x [images, from, H, W] to y [images, to, H', W']: a forward pass or the gradient in its input. */
export interface Convolution {
  readonly images: number
  readonly plane: Plane
  readonly weights: Weights
}

/** Where things lie in scratch memory, and their sizes in bytes. */
interface Layout {
  readonly blocks: Blocks
  /** Panels of eight tiles in a block. */
  readonly panels: number
  /** Windows of one channel, their rows transformed. */
  readonly half: Half
  readonly z: number
  /** Each tile's place among those, and among the outputs. */
  readonly inputTable: number
  readonly outputTable: number
  /** Transformed inputs V[products][tiles / 8][from][8], and products M[products][tiles / 8][to][8]. */
  readonly v: number
  readonly vPlane: number
  readonly m: number
  readonly mPlane: number
  /** Outputs of one channel, their rows still products. */
  readonly halfOutputs: HalfOutputs
  readonly outputs: number
  readonly bytes: number
}

function layoutOf({ images, plane, weights }: Convolution, threads: number): Layout {
  const to = roundUp(weights.to, 4)
  const blocks = blocksOf(images, plane, {
    tile: 4 * productsOf(plane) * (weights.from + to),
    stationary: weightBytes(plane, weights),
    group: 8,
    threads,
  })
  const panels = Math.ceil(blocks.tiles / 8)
  const half = halfOf(inputsOf(plane), blocks.images, blocks.tileRows)
  const halfOutputs = halfOutputsOf(plane, blocks.images, blocks.tileRows)
  const [vPlane, mPlane] = [spread(32 * panels * weights.from), spread(32 * panels * to)]
  const regions = new Regions(spread)
  const { take } = regions
  return {
    blocks,
    panels,
    half,
    z: take(half.bytes),
    inputTable: take(32 * panels),
    outputTable: take(32 * panels),
    v: take(productsOf(plane) * vPlane),
    vPlane,
    m: take(productsOf(plane) * mPlane),
    mPlane,
    halfOutputs,
    outputs: take(halfOutputs.bytes),
    bytes: regions.bytes,
  }
}

/** Weights into the workspace; then images, block by block. */
export function convolutionRecipe(convolution: Convolution, { threads }: RecipeOptions): Recipe {
  const { images, plane, weights } = convolution
  const layout = layoutOf(convolution, threads)
  const { blocks } = layout
  const { from, to } = weights
  const key = `winograd ${keyOf(plane)} ${images} ${from} ${to} ${weights.toStride} ${threads}`
  const step = (name: string, build: (f: Func, extent: Extent) => void): Routine => ({
    key: `${key} ${name}`,
    scratch: layout.bytes,
    build: (f) => build(f, extentOf(f, blocks, f.lo, images, plane)),
  })
  // Functions of their own: the compiler deals out registers one function at a time.
  const steps = [
    step('input', (f, extent) => transformInputs(f, convolution, layout, extent)),
    step('product', (f, extent) => multiply(f, convolution, layout, extent)),
    step('output', (f, extent) => transformOutputs(f, convolution, layout, extent)),
  ]
  const build = (f: Func) => {
    zero(f, i32.add(f.scratch, layout.z), layout.half.bytes)
    writeTables(f, convolution, layout)
    const unit = f.local('i32')
    f.for(unit, f.lo, f.hi, 1, () => {
      for (const routine of steps) f.call(routine, { args: f.args, lo: unit, hi: unit, scratch: f.scratch })
    })
  }
  const whole = blocks.images * blocks.count === images
  return {
    workspace: weightBytes(plane, weights),
    stages: [
      transformWeights(key, plane, weights),
      {
        routine: { key: `${key} blocks`, scratch: layout.bytes, build },
        units: blocks.count,
        cost: 8 * layout.panels * tileTime(plane, from, roundUp(to, 4)),
        ...(whole ? { completes: blocks.images * to * plane.rows.out * plane.cols.out } : {}),
      },
    ],
  }
}

/** Each tile's first input and first output, as distances in bytes. */
function writeTables(f: Func, { plane }: Convolution, layout: Layout): void {
  const { blocks, half, halfOutputs } = layout
  const across = plane.cols.scheme
  const at = f.let(f.scratch)
  const write = (input: I32, output: I32) => {
    f.do(i32.store(at, input, layout.inputTable))
    f.do(i32.store(at, output, layout.outputTable))
    f.set(at, i32.add(at, 4))
  }
  forTiles(f, blocks, plane, (image, row, col) => {
    const place = (imageSize: number, rowSize: number, colSize: number) =>
      i32.add(i32.mul(image, imageSize), i32.add(i32.mul(row, rowSize), i32.mul(col, colSize)))
    write(
      place(half.image, half.row, 4 * across.step),
      place(halfOutputs.image, halfOutputs.row, 4 * across.outputs),
    )
  })
  // The last panel's other lanes read what is there; nobody reads what they give.
  for (let tile = blocks.tiles; tile < 8 * layout.panels; tile++)
    write(i32.const(0), i32.const(halfOutputs.spare))
}

const panelsIn = (f: Func, tiles: I32): I32 => f.let(i32.shrU(i32.add(tiles, 7), 3))

/** Where four tiles, half a panel, lie among panels of `channels`. */
const groupAt = (group: I32, channels: number): I32 =>
  i32.add(i32.mul(i32.shrU(group, 1), 32 * channels), i32.shl(i32.and(group, 1), 4))

/** From x (argument 0) to V. */
function transformInputs(
  f: Func,
  { plane, weights: { from } }: Convolution,
  { half, ...layout }: Layout,
  { image, images, tileRow, tileRows, tiles }: Extent,
): void {
  const inputs = inputsOf(plane)
  const planeSize = 4 * inputs.rows.size * inputs.cols.size
  const x = f.let(i32.add(f.pointer(0), i32.mul(image, from * planeSize)))
  const groups = f.let(i32.shl(panelsIn(f, tiles), 1))
  const z = f.let(i32.add(f.scratch, layout.z))
  const table = f.let(i32.add(f.scratch, layout.inputTable))
  const v = f.let(i32.add(f.scratch, layout.v))
  const [c, i, group] = [f.local('i32'), f.local('i32'), f.local('i32')]
  f.for(c, 0, from, 1, () => {
    const [source, target] = [f.let(x), f.let(z)]
    f.for(i, 0, images, 1, () => {
      transformRows(f, inputs, half, source, target, [tileRow, i32.add(tileRow, tileRows)])
      f.set(source, i32.add(source, from * planeSize))
      f.set(target, i32.add(target, half.image))
    })
    f.for(group, 0, groups, 1, () => {
      const lanes = lanesFromTable(f, f.let(i32.add(table, i32.shl(group, 4))), z)
      transformWindows(f, inputs, half, lanes, i32.add(v, groupAt(group, from)), layout.vPlane)
    })
    f.set(x, i32.add(x, planeSize))
    f.set(v, i32.add(v, 32))
  })
}

/** Channels that are summed one after the other; sums of more are sums of such sums, which halves their error. */
const CHUNK = 64

/** M = U V, plane by plane. */
function multiply(f: Func, { plane, weights }: Convolution, layout: Layout, extent: Extent): void {
  const { from } = weights
  const to = roundUp(weights.to, 4)
  const panels = panelsIn(f, extent.tiles)
  const u = f.pointer(3)
  const [v, m] = [f.let(i32.add(f.scratch, layout.v)), f.let(i32.add(f.scratch, layout.m))]
  const [four, panel, chunk] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const sums = newSums(f, 4, 2)
  const depth = Math.ceil(from / Math.ceil(from / CHUNK))
  const rest = from % depth
  const product = (left: I32, right: I32, out: I32) => {
    sumPanels(f, sums, depth, left, right)
    keepSums(f, sums, out, 'store')
    if (from === depth) return
    const [a, b] = [f.let(left), f.let(right)]
    const add = (channels: number) => {
      f.set(a, i32.add(a, 16 * depth))
      f.set(b, i32.add(b, 32 * depth))
      sumPanels(f, sums, channels, a, b)
      keepSums(f, sums, out, 'add')
    }
    f.for(chunk, 1, Math.floor(from / depth), 1, () => add(depth))
    if (rest > 0) add(rest)
  }
  forProducts(f, plane, (weight) => {
    const left = f.let(i32.add(u, i32.mul(weight, weightPlane(weights))))
    const line = f.let(m)
    f.for(four, 0, to / 4, 1, () => {
      const [right, out] = [f.let(v), f.let(line)]
      f.for(panel, 0, panels, 1, () => {
        product(left, right, out)
        f.set(right, i32.add(right, 32 * from))
        f.set(out, i32.add(out, 32 * to))
      })
      f.set(left, i32.add(left, 16 * from))
      f.set(line, i32.add(line, 128))
    })
    f.set(v, i32.add(v, layout.vPlane))
    f.set(m, i32.add(m, layout.mPlane))
  })
}

/** From M to y (argument 2). */
function transformOutputs(
  f: Func,
  { plane, weights }: Convolution,
  { halfOutputs, ...layout }: Layout,
  { image, images, tileRow, tileRows, tiles }: Extent,
): void {
  const to = roundUp(weights.to, 4)
  const planeSize = 4 * plane.rows.out * plane.cols.out
  const y = f.let(i32.add(f.pointer(2), i32.mul(image, weights.to * planeSize)))
  const groups = f.let(i32.shrU(i32.add(tiles, 3), 2))
  const outputs = f.let(i32.add(f.scratch, layout.outputs))
  const table = f.let(i32.add(f.scratch, layout.outputTable))
  const m = f.let(i32.add(f.scratch, layout.m))
  const [c, i, group] = [f.local('i32'), f.local('i32'), f.local('i32')]
  f.for(c, 0, weights.to, 1, () => {
    f.for(group, 0, groups, 1, () => {
      const lanes = lanesFromTable(f, f.let(i32.add(table, i32.shl(group, 4))), outputs)
      transformTiles(f, plane, halfOutputs, i32.add(m, groupAt(group, to)), layout.mPlane, lanes)
    })
    const [source, target] = [f.let(outputs), f.let(y)]
    f.for(i, 0, images, 1, () => {
      transformOutputRows(f, plane, halfOutputs, source, target, [tileRow, i32.add(tileRow, tileRows)])
      f.set(source, i32.add(source, halfOutputs.image))
      f.set(target, i32.add(target, weights.to * planeSize))
    })
    f.set(y, i32.add(y, planeSize))
    f.set(m, i32.add(m, 32))
  })
}
