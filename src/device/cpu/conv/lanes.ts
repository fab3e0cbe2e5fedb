import { transposed } from '../transposed.ts'
import { f32, i32, select } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'

/** Where planes lie whose channels become lanes. */
export interface LaneSource {
  /** Where the first panel's first channel begins, in the first image. */
  readonly at: Local<'i32'>
  readonly channels: number
  readonly images: Local<'i32'>
  /** Bytes from one channel, and from one image, to the next. */
  readonly plane: number
  readonly image: number
  /** Places that are taken from each plane, side by side; and the fewest that there can be. */
  readonly places: Local<'i32'>
  readonly fewest: number
}

/**
 * Packs panels [channels / 8][images * places][8] to `to`, `panelBytes` apart. Lanes beyond the last channel hold it
 * again.
 */
export function packLanes(f: Func, source: LaneSource, to: Local<'i32'>, panelBytes: number): void {
  const { channels, images, places } = source
  const panels = Math.ceil(channels / 8)
  const [panel, image, at, target] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  const lanes = Array.from({ length: 8 }, () => f.local('i32'))
  f.for(panel, 0, panels, 1, () => {
    const first = f.let(i32.mul(panel, 8))
    lanes.forEach((lane, l) => {
      const number = i32.add(first, l)
      const kept = channels % 8 === 0 ? number : clamped(f, number, channels - 1)
      f.set(lane, i32.add(source.at, i32.mul(kept, source.plane)))
    })
    f.set(target, i32.add(to, i32.mul(panel, panelBytes)))
    f.for(image, 0, images, 1, () => {
      if (source.fewest < 4) packNumbers(f, lanes, at, places, target)
      else packVectors(f, lanes, at, places, target)
      for (const lane of lanes) f.set(lane, i32.add(lane, source.image))
      f.set(target, i32.add(target, i32.mul(places, 32)))
    })
  })
}

function clamped(f: Func, number: Parameters<typeof i32.add>[0], most: number) {
  const value = f.let(i32.add(number, 0))
  return select(i32.ltS(value, most), value, i32.const(most))
}

type Locals = readonly Local<'i32'>[]

function packNumbers(f: Func, lanes: Locals, at: Local<'i32'>, places: Local<'i32'>, to: Local<'i32'>): void {
  f.for(at, 0, i32.mul(places, 4), 4, () => {
    const target = f.let(i32.add(to, i32.mul(at, 8)))
    lanes.forEach((lane, l) => {
      f.do(f32.store(target, f32.load(i32.add(lane, at)), 4 * l))
    })
  })
}

/** Four places at a time; the last four begin further left where the places are no multiple of four. */
function packVectors(f: Func, lanes: Locals, at: Local<'i32'>, places: Local<'i32'>, to: Local<'i32'>): void {
  const bytes = f.let(i32.mul(places, 4))
  const last = f.let(i32.sub(bytes, 16))
  f.for(at, 0, bytes, 16, () => {
    const from = f.let(select(i32.gtS(at, last), last, at))
    const target = f.let(i32.add(to, i32.mul(from, 8)))
    for (const half of [0, 4]) {
      const rows = lanes.slice(half, half + 4).map((lane) => f.let(v128.load(i32.add(lane, from))))
      transposed(f, rows, 4).forEach((place, i) => {
        f.do(v128.store(target, place, 32 * i + 4 * half))
      })
    }
  })
}
