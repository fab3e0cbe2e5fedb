import { clear, newSums, type Sums } from '../matmul/tile.ts'
import type { Recipe, RecipeOptions } from '../recipe.ts'
import { Regions } from '../regions.ts'
import { zero } from '../rows.ts'
import { type I32, i32, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, i32x4, v128 } from '../wasm/simd.ts'
import { type Chunk, eachChunk, readPlanes } from './chunks.ts'
import { type Chunks, chunksOf, type Gradient } from './gradient.ts'
import { type Offsets, writeOffsets } from './offsets.ts'
import { sumLanes } from './sum-parts.ts'

/** Outputs of a channel in a chunk: planes of x and dy stay in the first cache. */
const PLACES = 1024

/** Four places of a row in lanes, by output channels and taps. All offsets are bytes of scratch memory. */
interface Layout {
  readonly gradient: Gradient
  readonly chunks: Chunks
  /** Output channels of a tile. */
  readonly width: number
  readonly offsets: Offsets
  readonly parts: number
  /** Tables of vectors of places: whole ones, and those at the ends of rows of which a part counts. */
  readonly whole: number
  readonly ends: number
  readonly taps: number
  readonly copies: number
  readonly scratch: number
}

/** Taps by output channels: as many as registers hold. */
const TAPS = { 1: 6, 2: 4, 3: 2, 4: 2 } as const

/** An entry of a table of vectors: where it is in x, and in dy. */
const VECTOR = 8

function layoutOf(gradient: Gradient, threads: number): Layout {
  const { from, to, rows, cols } = gradient
  const chunks = chunksOf(gradient, { places: PLACES, runs: cols.inStep, threads })
  const width = Math.min(4, to) as 1 | 2 | 3 | 4
  const taps = from * rows.kernel * cols.kernel
  const tiles = Math.ceil(taps / TAPS[width])
  const tile = Math.ceil(taps / tiles)
  const most = chunks.images * chunks.rows
  const regions = new Regions()
  const { take } = regions
  return {
    gradient,
    chunks,
    width,
    offsets: { taps, tile, step: tile * tiles },
    parts: Math.min(threads, chunks.count),
    whole: take(VECTOR * most * Math.floor(cols.out / 4)),
    ends: take(VECTOR * most),
    taps: take(4 * tile * tiles),
    copies: take(chunks.planes.copied ? chunks.images * chunks.imageStep : 0),
    scratch: regions.bytes,
  }
}

/** The gradient in the weight of narrow groups, whose rows of places are at least four wide. */
export function weightGradByRow(key: string, gradient: Gradient, { threads }: RecipeOptions): Recipe {
  const layout = layoutOf(gradient, threads)
  const { parts, offsets, scratch } = layout
  const { images, groups, to, rows, cols } = gradient
  const name = `conv2d ${key} rows ${parts}`
  const channels = groups * to
  return {
    workspace: 16 * parts * channels * offsets.step,
    stages: [
      {
        routine: { key: `${name} products`, scratch, build: (f) => multiply(f, layout) },
        units: parts,
        cost: (images * rows.out * cols.out * channels * offsets.taps) / parts / 15,
      },
      {
        routine: {
          key: `${name} sum`,
          scratch: 0,
          build: (f) => sumLanes(f, { parts, channels, ...offsets }),
        },
        units: channels,
        cost: parts * offsets.taps * 2,
      },
    ],
  }
}

function multiply(f: Func, layout: Layout): void {
  const { gradient, chunks, parts, offsets, width } = layout
  const { groups, to, rows, cols } = gradient
  const [dy, x, workspace] = [f.pointer(0), f.pointer(1), f.pointer(3)]
  const at = (offset: number) => f.let(i32.add(f.scratch, offset))
  const [whole, ends, taps, copies] = [at(layout.whole), at(layout.ends), at(layout.taps), at(layout.copies)]
  writeVectors(f, layout, whole, ends)
  writeOffsets(f, gradient, chunks.planes, offsets, taps)
  if (chunks.planes.copied) zero(f, copies, chunks.images * chunks.imageStep)
  const [part, group, channel] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const plane = 4 * rows.out * cols.out
  const bytes = 16 * groups * to * offsets.step
  f.for(part, f.lo, f.hi, 1, () => {
    const sums = f.let(i32.add(workspace, i32.mul(part, bytes)))
    zero(f, sums, bytes)
    eachChunk(f, gradient, chunks, [part, parts], (chunk) => {
      const lines = f.let(i32.mul(chunk.images, chunk.rows))
      const bound = (table: I32, vectors: number) => f.let(i32.add(table, i32.mul(lines, VECTOR * vectors)))
      const [wholeEnd, endsEnd] = [bound(whole, Math.floor(cols.out / 4)), bound(ends, 1)]
      const first = f.let(i32.add(dy, dyPlace(chunk, gradient)))
      const into = f.let(sums)
      f.for(group, 0, groups, 1, () => {
        const read = readPlanes(f, gradient, chunks, chunk, [x, group, copies])
        const tiles = (channels: number) => {
          const vectors = { whole, wholeEnd, ends, endsEnd }
          addProducts(f, layout, channels, { ...vectors, read, dy: first, taps, into })
          f.set(first, i32.add(first, plane * channels))
          f.set(into, i32.add(into, 16 * offsets.step * channels))
        }
        f.for(channel, 0, Math.floor(to / width), 1, () => tiles(width))
        if (to % width > 0) tiles(to % width)
      })
    })
  })
}

/** Where a chunk begins in dy. */
function dyPlace({ image, row }: Chunk, { groups, to, rows, cols }: Gradient): I32 {
  return i32.mul(i32.add(i32.mul(image, groups * to * rows.out), row), 4 * cols.out)
}

/** Both tables, image by image and row by row. The vector at a row's end reaches back over what came before. */
function writeVectors(
  f: Func,
  { gradient: { groups, to, rows, cols }, chunks }: Layout,
  whole: Local<'i32'>,
  ends: Local<'i32'>,
): void {
  const { planes, imageStep } = chunks
  const [image, row, col] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const [wholeAt, endsAt] = [f.let(whole), f.let(ends)]
  f.for(image, 0, chunks.images, 1, () => {
    f.for(row, 0, chunks.rows, 1, () => {
      const x = f.let(i32.add(i32.mul(image, imageStep), i32.mul(row, planes.rowStep)))
      const line = i32.add(i32.mul(image, groups * to * rows.out), row)
      const dy = f.let(i32.mul(line, 4 * cols.out))
      const write = (at: Local<'i32'>, column: I32) => {
        f.do(i32.store(at, i32.add(x, i32.mul(column, planes.colStep))))
        f.do(i32.store(at, i32.add(dy, i32.mul(column, 4)), 4))
        f.set(at, i32.add(at, VECTOR))
      }
      f.for(col, 0, cols.out - 3, 4, () => write(wholeAt, col))
      write(endsAt, i32.const(cols.out - 4))
    })
  })
}

/** Addresses of what `addProducts` reads and adds to. */
interface Operands {
  readonly read: Local<'i32'>
  readonly dy: Local<'i32'>
  readonly whole: Local<'i32'>
  readonly wholeEnd: Local<'i32'>
  readonly ends: Local<'i32'>
  readonly endsEnd: Local<'i32'>
  readonly taps: Local<'i32'>
  readonly into: Local<'i32'>
}

function addProducts(
  f: Func,
  { gradient: { rows, cols }, offsets: { tile, step } }: Layout,
  channels: number,
  { read, dy, whole, wholeEnd, ends, endsEnd, taps, into }: Operands,
): void {
  const [tap, vector] = [f.local('i32'), f.local('i32')]
  const sums = newSums(f, channels, tile)
  const target = f.let(into)
  const plane = 4 * rows.out * cols.out
  const rest = cols.out % 4
  f.for(tap, taps, i32.add(taps, 4 * step), 4 * tile, () => {
    const bases = Array.from({ length: tile }, (_, t) => f.let(i32.add(read, i32.load(tap, 4 * t))))
    clear(f, sums)
    const add = (kept: (value: V128) => V128) => addVector(f, sums, vector, { bases, dy, plane, kept })
    f.for(vector, whole, wholeEnd, VECTOR, () => add((value) => value))
    if (rest > 0) {
      // Both factors: nothing times a number that is not finite would not be nothing.
      const lane = (l: number) => (l >= 4 - rest ? -1 : 0)
      const mask = f.let(i32x4.lanes([lane(0), lane(1), lane(2), lane(3)]))
      f.for(vector, ends, endsEnd, VECTOR, () => add((value) => v128.and(value, mask)))
    }
    sums.forEach((row, channel) => {
      row.forEach((sum, t) => {
        const at = 16 * (step * channel + t)
        f.do(v128.store(target, f32x4.add(v128.load(target, at), sum), at))
      })
    })
    f.set(target, i32.add(target, 16 * tile))
  })
}

function addVector(
  f: Func,
  sums: Sums,
  vector: Local<'i32'>,
  {
    bases,
    dy,
    plane,
    kept,
  }: { bases: readonly Local<'i32'>[]; dy: I32; plane: number; kept: (value: V128) => V128 },
): void {
  const offset = f.let(i32.load(vector))
  const from = f.let(i32.add(dy, i32.load(vector, 4)))
  const outer = sums.map((_, channel) => f.let(kept(v128.load(from, plane * channel))))
  const x = f.local('v128')
  bases.forEach((base, t) => {
    f.set(x, kept(v128.load(i32.add(base, offset))))
    sums.forEach((row, channel) => {
      f.set(row[t]!, f32x4.mulAdd(outer[channel]!, x, row[t]!))
    })
  })
}
