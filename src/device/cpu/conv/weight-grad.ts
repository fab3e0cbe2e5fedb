import { addOuterProduct, clear, newSums } from '../matmul/tile.ts'
import type { Recipe, RecipeOptions } from '../recipe.ts'
import { Regions } from '../regions.ts'
import { zero } from '../rows.ts'
import { type I32, i32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { eachChunk, readPlanes } from './chunks.ts'
import { type Chunks, chunksOf, type Gradient } from './gradient.ts'
import { packLanes } from './lanes.ts'
import { type Offsets, writeOffsets } from './offsets.ts'
import { sumParts } from './sum-parts.ts'

/** Outputs of a channel in a chunk: a panel of eight channels stays in the first cache. */
const PLACES = 512

/** Sums of a gradient: eight channels of dy in lanes, by taps. All offsets are bytes of scratch memory. */
interface Layout {
  readonly gradient: Gradient
  readonly chunks: Chunks
  readonly offsets: Offsets
  readonly panels: number
  readonly parts: number
  /** What to add to an address of x for each place, and for each tap. */
  readonly places: number
  readonly taps: number
  /** Panels of dy. */
  readonly lanes: number
  readonly panel: number
  readonly copies: number
  readonly scratch: number
}

/** What a step takes in a tile with so many taps. */
const TIME = { 1: 2.6, 2: 2.7, 3: 3.3, 4: 4 } as const

function tileOf(taps: number): 1 | 2 | 3 | 4 {
  const time = (tile: 1 | 2 | 3 | 4) => Math.ceil(taps / tile) * TIME[tile]
  return ([4, 3, 2, 1] as const).reduce((best, tile) => (time(tile) < time(best) ? tile : best))
}

function layoutOf(gradient: Gradient, threads: number): Layout {
  const { from, to, rows, cols } = gradient
  const chunks = chunksOf(gradient, { places: PLACES, runs: 1, threads })
  const taps = from * rows.kernel * cols.kernel
  const tile = tileOf(taps)
  const step = tile * Math.ceil(taps / tile)
  const panels = Math.ceil(to / 8)
  const most = chunks.images * chunks.rows * cols.out
  const panel = 32 * most
  const regions = new Regions()
  const { take } = regions
  return {
    gradient,
    chunks,
    offsets: { taps, tile, step },
    panels,
    parts: Math.min(threads, chunks.count),
    places: take(4 * most),
    taps: take(4 * step),
    lanes: take(panels * panel),
    panel,
    copies: take(chunks.planes.copied ? chunks.images * chunks.imageStep : 0),
    scratch: regions.bytes,
  }
}

/** The gradient in the weight as two stages: sums over parts of the images, and the sum of these. */
export function weightGrad(key: string, gradient: Gradient, { threads }: RecipeOptions): Recipe {
  const layout = layoutOf(gradient, threads)
  const { parts, panels, offsets, scratch } = layout
  const { images, groups, to, rows, cols } = gradient
  const name = `conv2d ${key} ${parts}`
  const sums = { parts, groups, to, ...offsets }
  return {
    workspace: 32 * parts * groups * panels * offsets.step,
    stages: [
      {
        routine: { key: `${name} products`, scratch, build: (f) => multiply(f, layout) },
        units: parts,
        cost: (images * rows.out * cols.out * groups * panels * 8 * offsets.taps) / parts / 20,
      },
      {
        routine: { key: `${name} sum`, scratch: 0, build: (f) => sumParts(f, sums) },
        units: groups * panels,
        cost: parts * offsets.taps * 4,
      },
    ],
  }
}

function multiply(f: Func, layout: Layout): void {
  const { gradient, chunks, parts, panels, offsets } = layout
  const { groups, to, rows, cols } = gradient
  const [dy, x, workspace] = [f.pointer(0), f.pointer(1), f.pointer(3)]
  const bytes = 32 * panels * offsets.step
  const at = (offset: number) => f.let(i32.add(f.scratch, offset))
  const [places, taps, lanes, copies] = [
    at(layout.places),
    at(layout.taps),
    at(layout.lanes),
    at(layout.copies),
  ]
  writePlaces(f, layout, places)
  writeOffsets(f, gradient, chunks.planes, offsets, taps)
  if (chunks.planes.copied) zero(f, copies, chunks.images * chunks.imageStep)
  const [part, group] = [f.local('i32'), f.local('i32')]
  const plane = 4 * rows.out * cols.out
  f.for(part, f.lo, f.hi, 1, () => {
    const sums = f.let(i32.add(workspace, i32.mul(part, groups * bytes)))
    zero(f, sums, groups * bytes)
    eachChunk(f, gradient, chunks, [part, parts], (chunk) => {
      const count = f.let(i32.mul(chunk.rows, cols.out))
      f.for(group, 0, groups, 1, () => {
        const read = readPlanes(f, gradient, chunks, chunk, [x, group, copies])
        const channel = i32.mul(i32.add(i32.mul(chunk.image, groups), group), to * plane)
        packLanes(
          f,
          {
            at: f.let(i32.add(dy, i32.add(channel, i32.mul(chunk.row, 4 * cols.out)))),
            channels: to,
            images: chunk.images,
            plane,
            image: groups * to * plane,
            places: count,
            fewest: fewestPlaces(layout),
          },
          lanes,
          layout.panel,
        )
        const end = f.let(i32.mul(count, i32.mul(chunk.images, 4)))
        const into = f.let(i32.add(sums, i32.mul(group, bytes)))
        addProducts(f, layout, { read, places, placesEnd: f.let(i32.add(places, end)), taps, lanes, into })
      })
    })
  })
}

function fewestPlaces({ gradient: { rows, cols }, chunks }: Layout): number {
  const last = rows.out - (chunks.bands - 1) * chunks.rows
  return Math.min(chunks.rows, last) * cols.out
}

/** Offsets of a chunk's places, image by image and row by row. */
function writePlaces(f: Func, { gradient: { cols }, chunks }: Layout, to: Local<'i32'>): void {
  const { planes, imageStep } = chunks
  const [image, row, col, at] = [f.local('i32'), f.local('i32'), f.local('i32'), f.let(to)]
  f.for(image, 0, chunks.images, 1, () => {
    f.for(row, 0, chunks.rows, 1, () => {
      const start = f.let(i32.add(i32.mul(image, imageStep), i32.mul(row, planes.rowStep)))
      f.for(col, 0, cols.out, 1, () => {
        f.do(i32.store(at, i32.add(start, i32.mul(col, planes.colStep))))
        f.set(at, i32.add(at, 4))
      })
    })
  })
}

/** Addresses of what `addProducts` reads and adds to. */
interface Operands {
  readonly read: Local<'i32'>
  readonly places: I32
  readonly placesEnd: Local<'i32'>
  readonly taps: Local<'i32'>
  readonly lanes: Local<'i32'>
  readonly into: Local<'i32'>
}

function addProducts(
  f: Func,
  { gradient: { to }, panels, panel, offsets: { step, tile } }: Layout,
  operands: Operands,
): void {
  const [number, tap] = [f.local('i32'), f.local('i32')]
  const [dy, into] = [f.let(operands.lanes), f.let(operands.into)]
  const tiles = (channels: number) =>
    f.for(tap, operands.taps, i32.add(operands.taps, 4 * step), 4 * tile, () => {
      const bases = Array.from({ length: tile }, (_, t) =>
        f.let(i32.add(operands.read, i32.load(tap, 4 * t))),
      )
      addTile(f, bases, Math.ceil(channels / 4), { ...operands, lanes: dy, into })
      f.set(into, i32.add(into, 32 * tile))
    })
  f.for(number, 0, panels, 1, () => {
    const rest = to % 8
    if (rest === 0) tiles(8)
    else if (panels === 1) tiles(rest)
    else
      f.if(
        i32.eq(number, panels - 1),
        () => tiles(rest),
        () => tiles(8),
      )
    f.set(dy, i32.add(dy, panel))
  })
}

function addTile(
  f: Func,
  bases: readonly Local<'i32'>[],
  vectors: number,
  { places, placesEnd, lanes, into }: Operands,
): void {
  const sums = newSums(f, bases.length, vectors)
  const [place, offset, dy] = [f.local('i32'), f.local('i32'), f.let(lanes)]
  clear(f, sums)
  f.for(place, places, placesEnd, 4, () => {
    f.set(offset, i32.load(place))
    addOuterProduct(
      f,
      sums,
      (tap) => v128.load32Splat(i32.add(bases[tap]!, offset)),
      (vector) => v128.load(dy, 16 * vector),
    )
    f.set(dy, i32.add(dy, 32))
  })
  sums.forEach((row, tap) => {
    row.forEach((sum, vector) => {
      const at = 32 * tap + 16 * vector
      f.do(v128.store(into, f32x4.add(v128.load(into, at), sum), at))
    })
  })
}
