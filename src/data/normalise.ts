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
  const plane = height * width
  const out = new Float32Array(pixels.length)
  // One table per channel instead of a division per pixel.
  const tables = pixels instanceof Uint8Array ? mean.map((m, c) => byteTable(m, deviation[c]!)) : []
  for (let at = 0; at < pixels.length; at += plane) {
    const c = (at / plane) % channels
    if (pixels instanceof Uint8Array) {
      const table = tables[c]!
      for (let i = at; i < at + plane; i++) out[i] = table[pixels[i]!]!
    } else for (let i = at; i < at + plane; i++) out[i] = (pixels[i]! - mean[c]!) / deviation[c]!
  }
  return out
}

/** The normalised value of each byte. */
export const byteTable = (mean: number, deviation: number): Float32Array =>
  Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / deviation)
