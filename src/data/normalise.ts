import type { Dataset, Normalisation } from './dataset.ts'

/** Images and labels as a file holds them. */
export interface RawSplit {
  /** [size, channels, height, width] row by row: bytes, which count as v / 255, or floats, which are taken as they are. */
  readonly pixels: Uint8Array | Float32Array
  /** [size] */
  readonly labels: Int32Array
  readonly shape: Dataset['shape']
}

/**
 * Mean and deviation per channel of the training images, scaled to 0..1, as published recipes have them: MNIST's are
 * PyTorch's example's, CIFAR-100's those of RepDistiller. CIFAR-10's deviations are those of its pixels; the
 * (0.2023, 0.1994, 0.2010) that is also met is the mean of the deviations of single images.
 */
export const published = {
  mnist: { mean: [0.1307], deviation: [0.3081] },
  'fashion-mnist': { mean: [0.286], deviation: [0.353] },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.2435, 0.2616] },
  cifar100: { mean: [0.5071, 0.4867, 0.4408], deviation: [0.2675, 0.2565, 0.2761] },
} as const satisfies Record<string, Normalisation>

/** Mean and deviation of each channel of `split`; a channel of one value alone has deviation 1, so that it becomes 0. */
export function normalisationOf({ pixels, shape }: RawSplit): Normalisation {
  const [channels, height, width] = shape
  const plane = height * width
  const scale = pixels instanceof Uint8Array ? 255 : 1
  const count = pixels.length / channels
  const mean: number[] = []
  const deviation: number[] = []
  for (let c = 0; c < channels; c++) {
    let sum = 0
    for (let at = c * plane; at < pixels.length; at += channels * plane)
      for (let i = at; i < at + plane; i++) sum += pixels[i]!
    const middle = sum / count
    let squares = 0
    for (let at = c * plane; at < pixels.length; at += channels * plane)
      for (let i = at; i < at + plane; i++) squares += (pixels[i]! - middle) ** 2
    mean.push(middle / scale)
    deviation.push(Math.sqrt(squares / count) / scale || 1)
  }
  return { mean, deviation }
}

/** The pixels of `split` as (v - mean) / deviation of their channel, in the same order. */
export function normalised(
  { pixels, shape }: RawSplit,
  { mean, deviation }: Normalisation,
): Float32Array<ArrayBuffer> {
  const [channels, height, width] = shape
  const out = new Float32Array(pixels.length)
  if (pixels instanceof Uint8Array) {
    // One table per channel instead of a division per pixel.
    const tables = mean.map((m, c) => byteTable(m, deviation[c]!))
    byPlane(out, channels, height * width, (plane, at, c) => lookUp(pixels, tables[c]!, plane, at))
  } else
    byPlane(out, channels, height * width, (plane, at, c) =>
      shift(pixels, mean[c]!, deviation[c]!, plane, at),
    )
  return out
}

function byPlane(
  out: Float32Array,
  channels: number,
  size: number,
  fill: (plane: Float32Array, at: number, c: number) => void,
): void {
  for (let at = 0, c = 0; at < out.length; at += size, c = (c + 1) % channels)
    fill(out.subarray(at, at + size), at, c)
}

// A loop each for bytes and for floats: one that sees both is several times slower.
function lookUp(from: Uint8Array, table: Float32Array, plane: Float32Array, at: number): void {
  for (let i = 0; i < plane.length; i++) plane[i] = table[from[at + i]!]!
}

function shift(from: Float32Array, mean: number, deviation: number, plane: Float32Array, at: number): void {
  for (let i = 0; i < plane.length; i++) plane[i] = (from[at + i]! - mean) / deviation
}

/** The normalised value of each byte. */
export const byteTable = (mean: number, deviation: number): Float32Array =>
  Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / deviation)
