import fc from 'fast-check'
import { numbers } from '../../src/check/batches.ts'
import { type Shape, sizeOf } from '../../src/shape.ts'
import { type Tensor, tensor } from '../../src/tensor.ts'
import { onDevice, same as sameWithin } from './same.ts'

// Features for properties of losses that compare them.

/** Of the largest number, or of 1. */
export const allowed = onDevice(1e-10, 2e-5)

export const same = (got: Tensor, wanted: Tensor | number, slack = allowed): Promise<void> =>
  sameWithin(got, wanted, slack)

/** Values within ±2 of a shape that is drawn too. */
const ofShape = (shape: Shape): fc.Arbitrary<Tensor> =>
  numbers(sizeOf(shape), 2).map((values) => tensor(values, shape))

/** Features of a student and a teacher for the same samples. */
export interface Pair {
  readonly s: Tensor
  readonly t: Tensor
}

/** [N, D_s] and [N, D_t], of 2 to 5 samples at least 0.5 long and 0.5 apart, none of which is opposite to another. */
export const vectors = ({ sameWidth = false } = {}): fc.Arbitrary<Pair> => {
  const width = fc.integer({ min: 2, max: 5 })
  return fc.tuple(fc.integer({ min: 2, max: 5 }), width, width).chain(([n, d, e]) =>
    fc.record({
      s: ofShape([n, d]).filter((x) => clearOfEachOther(x)),
      t: ofShape([n, sameWidth ? d : e]).filter((x) => clearOfEachOther(x)),
    }),
  )
}

/** Rows that differ from 0, from each other, and from a negative multiple of each other. */
function clearOfEachOther(x: Tensor): boolean {
  const [n, d] = x.shape as [number, number]
  const rows = Array.from({ length: n }, (_, i) => Array.from(x.host!.slice(i * d, (i + 1) * d)))
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, k) => sum + v * b[k]!, 0)
  const far = (a: readonly number[], b: readonly number[]) =>
    Math.hypot(...a.map((v, k) => v - b[k]!)) >= 0.5 &&
    dot(a, b) > -0.98 * Math.hypot(...a) * Math.hypot(...b)
  return rows.every(
    (row, i) => Math.hypot(...row) >= 0.5 && rows.slice(0, i).every((other) => far(row, other)),
  )
}

/** Maps [N, C_s, H, W] and [N, C_t, H, W] of 1 to 3 samples, no channel of which is near 0. */
export const maps = ({ sameChannels = false } = {}): fc.Arbitrary<Pair> => {
  const few = fc.integer({ min: 1, max: 3 })
  return fc.tuple(few, few, few, fc.integer({ min: 2, max: 3 }), few).chain(([n, c, k, h, w]) => {
    const map = (channels: number) =>
      ofShape([n, channels, h, w]).filter((x) => {
        const size = h * w
        return Array.from({ length: n * channels }, (_, i) => x.host!.slice(i * size, (i + 1) * size)).every(
          (channel) => Math.hypot(...channel) >= 0.5,
        )
      })
    return fc.record({ s: map(c), t: map(sameChannels ? c : k) })
  })
}

/** A positive factor that float32 multiplies by exactly. */
export const factor = fc.constantFrom(0.125, 0.5, 2, 16)

/** A reflection of D dims, at a mirror that numbers of any count describe: an orthogonal matrix [D, D]. */
export function reflection(d: number, mirror: readonly number[]): Tensor {
  const v = Array.from({ length: d }, (_, i) => mirror[i % mirror.length]! + i / 4 + 0.5)
  const squared = v.reduce((sum, x) => sum + x * x, 0)
  return tensor(v.map((a, i) => v.map((b, j) => Number(i === j) - (2 * a * b) / squared)))
}

export const mirror = numbers(5, 1).filter((v) => v.some((x) => Math.abs(x) > 0.25))
