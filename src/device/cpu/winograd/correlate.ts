import { newSums } from '../matmul/tile.ts'
import type { Recipe, RecipeOptions } from '../recipe.ts'
import { Regions } from '../regions.ts'
import { zero } from '../rows.ts'
import { type I32, i32, select } from '../wasm/expr.ts'
import type { Func, Routine } from '../wasm/func.ts'
import {
  type Axis,
  inputsOf,
  keyOf,
  outputsOf,
  type Plane,
  productsOf,
  roundUp,
  spread,
  tilesOf,
  type Windows,
  weightsOf,
} from './axis.ts'
import { type Blocks, blocksOf, type Extent, extentOf, forTiles } from './block.ts'
import { lanesApart } from './lanes.ts'
import { forProducts, keepSums, sumPanels, tileTime } from './product.ts'
import type { ForwardScheme } from './scheme.ts'
import { gradPlane, weightsFromSums } from './weights.ts'
import { type Half, halfOf, transformRows, transformWindows } from './windows.ts'

/** The gradient in the weights [out, in, 3, 3] from dy [images, out, H', W'] and x [images, in, H, W]. */
export interface Correlation {
  readonly images: number
  readonly plane: Plane<Axis<ForwardScheme>>
  readonly in: number
  readonly out: number
}

/** One of the two operands: its channels, `width` to a panel [products][channels / width][tiles][width]. */
interface Operand {
  readonly argument: number
  readonly channels: number
  readonly width: 4 | 8
  readonly windows: Plane<Windows>
  /** Windows of four channels, their rows transformed: lanes are channels. */
  readonly half: Half
  readonly z: number
  /** Each tile's place among them. */
  readonly table: number
  readonly at: number
  readonly panel: number
  readonly plane: number
}

interface Layout {
  readonly blocks: Blocks
  readonly x: Operand
  readonly dy: Operand
  readonly bytes: number
}

function layoutOf({ images, plane, ...channels }: Correlation, threads: number): Layout {
  const blocks = blocksOf(images, plane, {
    tile: 4 * productsOf(plane) * (roundUp(channels.in, 8) + roundUp(channels.out, 4)),
    stationary: 2 * weightsOf(plane) * gradPlane(channels.out, channels.in),
    group: 1,
    threads,
  })
  const regions = new Regions(spread)
  const { take } = regions
  const operand = (argument: number, channels: number, width: 4 | 8, windows: Plane<Windows>): Operand => {
    const half = halfOf(windows, blocks.images, blocks.tileRows)
    const panel = 4 * width * blocks.tiles
    const size = spread(Math.ceil(channels / width) * panel)
    return {
      argument,
      channels,
      width,
      windows,
      half,
      z: take(4 * half.bytes),
      table: take(4 * blocks.tiles),
      at: take(productsOf(plane) * size),
      panel,
      plane: size,
    }
  }
  const dy = operand(0, channels.out, 4, outputsOf(plane))
  const x = operand(1, channels.in, 8, inputsOf(plane))
  return { blocks, dy, x, bytes: regions.bytes }
}

/** Each part of the blocks has sums of its own in the workspace; they are added up at the end, in order. */
export function correlationRecipe(correlation: Correlation, { threads }: RecipeOptions): Recipe {
  const { images, plane, in: input, out } = correlation
  const layout = layoutOf(correlation, threads)
  const { blocks } = layout
  const parts = Math.min(threads, blocks.count)
  const sums = weightsOf(plane) * gradPlane(out, input)
  const key = `winograd weightGrad ${keyOf(plane)} ${images} ${input} ${out} ${threads}`
  /** A step on one block; `hi` is the part that it belongs to. */
  const step = (name: string, build: (f: Func, extent: Extent) => void): Routine => ({
    key: `${key} ${name}`,
    scratch: layout.bytes,
    build: (f) => build(f, extentOf(f, blocks, f.lo, images, plane)),
  })
  const steps = [
    step('dy', (f, extent) => transformOperand(f, layout.dy, extent)),
    step('x', (f, extent) => transformOperand(f, layout.x, extent)),
    step('product', (f, { tiles }) =>
      accumulate(f, correlation, layout, tiles, f.let(i32.add(f.pointer(3), i32.mul(f.hi, sums)))),
    ),
  ]
  const build = (f: Func) => {
    for (const operand of [layout.dy, layout.x]) {
      zero(f, i32.add(f.scratch, operand.z), 4 * operand.half.bytes)
      writeTable(f, operand, plane, blocks)
    }
    const workspace = f.pointer(3)
    const [part, block] = [f.local('i32'), f.local('i32')]
    const firstOf = (number: I32) => i32.divU(i32.mul(number, blocks.count), parts)
    f.for(part, f.lo, f.hi, 1, () => {
      zero(f, i32.add(workspace, i32.mul(part, sums)), sums)
      f.for(block, firstOf(part), firstOf(i32.add(part, 1)), 1, () => {
        for (const routine of steps)
          f.call(routine, { args: f.args, lo: block, hi: part, scratch: f.scratch })
      })
    })
  }
  return {
    workspace: parts * sums,
    stages: [
      {
        routine: { key: `${key} parts`, scratch: layout.bytes, build },
        units: parts,
        cost: (images * tilesOf(plane) * tileTime(plane, roundUp(input, 4), roundUp(out, 4))) / parts,
      },
      weightsFromSums(key, plane, parts, out, input),
    ],
  }
}

function writeTable(f: Func, { windows, half, table }: Operand, plane: Plane, blocks: Blocks): void {
  const at = f.let(i32.add(f.scratch, table))
  forTiles(f, blocks, plane, (image, row, col) => {
    const place = i32.add(i32.mul(row, half.row), i32.mul(col, 4 * windows.cols.step))
    f.do(i32.store(at, i32.add(i32.mul(image, half.image), place)))
    f.set(at, i32.add(at, 4))
  })
}

/** Four channels at a time, from the operand's argument to its panels. */
function transformOperand(
  f: Func,
  { channels, width, windows, half, ...operand }: Operand,
  { image, images, tileRow, tileRows, tiles }: Extent,
): void {
  const planeSize = 4 * windows.rows.size * windows.cols.size
  const from = f.let(i32.add(f.pointer(operand.argument), i32.mul(image, channels * planeSize)))
  const z = f.let(i32.add(f.scratch, operand.z))
  const table = f.let(i32.add(f.scratch, operand.table))
  const [four, lane, i, tile] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  f.for(four, 0, Math.ceil(channels / 4), 1, () => {
    const channel = f.let(z)
    const left = f.let(i32.sub(channels, i32.shl(four, 2)))
    // Lanes without a channel keep what another had; nothing is read from what they give.
    const lanes = channels % 4 === 0 ? 4 : select(i32.ltS(left, 4), left, i32.const(4))
    f.for(lane, 0, lanes, 1, () => {
      const [source, target] = [f.let(from), f.let(channel)]
      f.for(i, 0, images, 1, () => {
        transformRows(f, windows, half, source, target, [tileRow, i32.add(tileRow, tileRows)])
        f.set(source, i32.add(source, channels * planeSize))
        f.set(target, i32.add(target, half.image))
      })
      f.set(from, i32.add(from, planeSize))
      f.set(channel, i32.add(channel, half.bytes))
    })
    const at =
      width === 4
        ? i32.mul(four, operand.panel)
        : i32.add(i32.mul(i32.shrU(four, 1), operand.panel), i32.shl(i32.and(four, 1), 4))
    const to = f.let(i32.add(i32.add(f.scratch, operand.at), at))
    const entry = f.let(table)
    f.for(tile, 0, tiles, 1, () => {
      const lanes = lanesApart(f, i32.add(z, i32.load(entry)), half.bytes)
      transformWindows(f, windows, half, lanes, to, operand.plane)
      f.set(entry, i32.add(entry, 4))
      f.set(to, i32.add(to, 4 * width))
    })
  })
}

/** dU += dY X, plane by plane, summed over the block's tiles. */
function accumulate(
  f: Func,
  { plane, in: input, out }: Correlation,
  { dy, x }: Layout,
  tiles: I32,
  sums: I32,
): void {
  const [left, right] = [f.let(i32.add(f.scratch, dy.at)), f.let(i32.add(f.scratch, x.at))]
  const [four, panel] = [f.local('i32'), f.local('i32')]
  const panels = Math.ceil(input / 8)
  const narrow = input % 8 > 0 && input % 8 <= 4
  const [whole, half] = [newSums(f, 4, 2), newSums(f, 4, 1)]
  forProducts(f, plane, (weight) => {
    const to = f.let(i32.add(sums, i32.mul(weight, gradPlane(out, input))))
    const a = f.let(left)
    f.for(four, 0, Math.ceil(out / 4), 1, () => {
      const b = f.let(right)
      const add = (tile: typeof whole) => {
        sumPanels(f, tile, tiles, a, b)
        keepSums(f, tile, to, 'add')
        f.set(b, i32.add(b, x.panel))
        f.set(to, i32.add(to, 128))
      }
      f.for(panel, 0, narrow ? panels - 1 : panels, 1, () => add(whole))
      if (narrow) add(half)
      f.set(a, i32.add(a, dy.panel))
    })
    f.set(left, i32.add(left, dy.plane))
    f.set(right, i32.add(right, x.plane))
  })
}
