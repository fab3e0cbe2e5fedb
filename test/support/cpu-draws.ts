import fc from 'fast-check'
import { sizeOf } from '../../src/shape.ts'
import type { View } from '../../src/view.ts'

/** Kinds of values: few different ones, so that many tie; any of a wide range; some that are no numbers. */
const VALUES = {
  ties: (u: number) => Math.floor(5 * u) - 2,
  wide: (u: number) => (u - 0.5) * 10 ** (Math.floor(1e6 * u) % 7),
  strange: (u: number) => [Number.NaN, Infinity, -Infinity, -0, 0, 1, -1][Math.floor(7 * u)] ?? u,
} as const

type Kind = keyof typeof VALUES

/** `count` floats from a seed. */
export function floats(seed: number, count: number, kind: Kind = 'wide'): Float32Array {
  let state = seed | 0
  const of = VALUES[kind]
  const numbers = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    numbers[i] = of(((t ^ (t >>> 14)) >>> 0) / 2 ** 32)
  }
  return numbers
}

export const kinds = fc.constantFrom<Kind>('ties', 'wide', 'strange')
export const seeds = fc.integer()

/** At least so many runs of a property: what is compiled has many forms. */
export const runs = (least: number) => ({ numRuns: Math.max(least, Number(process.env.RUNS ?? 0)) })

/** A view of this shape as movement ops make them: dims permuted, stretched, stepped through, walked backwards. */
export const viewOf = (shape: readonly number[]): fc.Arbitrary<View> =>
  fc
    .record({
      order: fc.shuffledSubarray(
        shape.map((_, d) => d),
        { minLength: shape.length },
      ),
      steps: fc.array(fc.constantFrom(1, 1, 1, 0, 2, -1), {
        minLength: shape.length,
        maxLength: shape.length,
      }),
      start: fc.constantFrom(0, 0, 3),
    })
    .map(({ order, steps, start }) => {
      const strides = shape.map(() => 0)
      let size = 1
      let offset = start
      for (const d of [...order].reverse()) {
        strides[d] = steps[d]! * size
        if (steps[d]! < 0) offset += size * (shape[d]! - 1)
        size *= steps[d] === 0 ? 1 : Math.max(1, shape[d]!) * Math.abs(steps[d]!)
      }
      return { shape, strides, offset, mask: null }
    })

/** Elements of a buffer that a view reaches. */
export const reachOf = ({ shape, strides, offset }: View): number =>
  shape.includes(0)
    ? 0
    : 1 + offset + shape.reduce((sum, n, d) => sum + Math.max(0, strides[d]! * (n - 1)), 0)

/** All coordinates of a shape, in order. */
export function coordinates(shape: readonly number[]): number[][] {
  const all: number[][] = []
  for (let i = 0; i < sizeOf(shape); i++) {
    const at = [...shape]
    let rest = i
    for (let d = shape.length - 1; d >= 0; d--) {
      at[d] = rest % shape[d]!
      rest = Math.floor(rest / shape[d]!)
    }
    all.push(at)
  }
  return all
}

/** Where a view's element lies. */
export const placeOf = ({ strides, offset }: View, at: readonly number[]): number =>
  at.reduce((sum, i, d) => sum + i * strides[d]!, offset)

/** How far float32 sums of `terms` lie from float64 ones, as a multiple of what adding so many one by one may round off. */
export function sumError(got: ArrayLike<number>, terms: readonly (readonly number[])[]): number {
  if (got.length !== terms.length) return Number.POSITIVE_INFINITY
  return Math.max(
    0,
    ...terms.map((values, i) => {
      const wanted = values.reduce((sum, v) => sum + v, 0)
      if (got[i] === wanted || (Number.isNaN(got[i]) && Number.isNaN(wanted))) return 0
      const allowed = 2 ** -24 * (values.length - 1) * values.reduce((sum, v) => sum + Math.abs(v), 0)
      const error = Math.abs(got[i]! - wanted) / allowed
      return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
    }),
  )
}
