import { type I32, i32, select } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import type { Chunks, Gradient } from './gradient.ts'
import { copyBand, copyPlane, startOf } from './planes.ts'

/** A chunk that is at work. */
export interface Chunk {
  /** Its first image, and how many. */
  readonly image: Local<'i32'>
  readonly images: Local<'i32'>
  /** Its first row of outputs, and how many. */
  readonly row: Local<'i32'>
  readonly rows: Local<'i32'>
}

/** Runs `body` for the chunks of part `part` of `parts`. */
export function eachChunk(
  f: Func,
  { images, rows }: Gradient,
  chunks: Chunks,
  [part, parts]: readonly [I32, number],
  body: (chunk: Chunk) => void,
): void {
  const least = (a: I32, b: number) => select(i32.ltS(a, i32.const(b)), a, i32.const(b))
  const bound = (n: I32) => i32.divU(i32.mul(n, chunks.count), parts)
  const n = f.local('i32')
  f.for(n, bound(part), bound(i32.add(part, 1)), 1, () => {
    const image = f.let(i32.mul(i32.divU(n, chunks.bands), chunks.images))
    const row = f.let(i32.mul(i32.remU(n, chunks.bands), chunks.rows))
    body({
      image,
      images: f.let(least(i32.sub(images, image), chunks.images)),
      row,
      rows: f.let(least(i32.sub(rows.out, row), chunks.rows)),
    })
  })
}

/** The address from which a chunk's planes of one group of x are read; they are copied to `copies` where that is needed. */
export function readPlanes(
  f: Func,
  { groups, from, rows, cols }: Gradient,
  { planes, height, bands, imageStep }: Chunks,
  chunk: Chunk,
  [x, group, copies]: readonly [I32, I32, I32],
): Local<'i32'> {
  const plane = 4 * rows.source * cols.source
  const first = i32.add(i32.mul(chunk.image, groups * from), i32.mul(group, from))
  const source = i32.add(x, i32.mul(first, plane))
  const down = i32.mul(chunk.row, rows.inStep)
  if (!planes.copied)
    return f.let(i32.add(source, i32.add(i32.mul(down, planes.row), startOf(planes, rows, cols))))
  const [image, channel, read, write] = [f.local('i32'), f.local('i32'), f.let(source), f.local('i32')]
  const begin = f.let(copies)
  f.for(image, 0, chunk.images, 1, () => {
    f.set(write, i32.add(begin, i32.mul(image, imageStep)))
    f.for(channel, 0, from, 1, () => {
      if (bands === 1) copyPlane(f, planes, rows, cols, read, write)
      else copyBand(f, planes, { rows, cols, height }, f.let(i32.add(down, rows.low)), read, write)
      f.set(read, i32.add(read, plane))
      f.set(write, i32.add(write, planes.plane))
    })
    f.set(read, i32.add(read, (groups - 1) * from * plane))
  })
  return begin
}
