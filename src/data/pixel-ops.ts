import { cosAndSin } from './angles.ts'
import type { Dataset } from './dataset.ts'

/** An image of bytes, [C, H, W]; what is written is rounded and clamped to 0..255. */
export type Bytes = Uint8ClampedArray

type Shape = Dataset['shape']
/** An image changed by `amount`, whose meaning and range is each operation's own. */
export type PixelOp = (image: Bytes, shape: Shape, amount: number) => Bytes

/** Each value replaced by what `table` has for it. */
function byTable(image: Bytes, table: (v: number) => number): Bytes {
  const values = new Uint8ClampedArray(256)
  for (let v = 0; v < 256; v++) values[v] = table(v)
  const out = new Uint8ClampedArray(image.length)
  for (let i = 0; i < out.length; i++) out[i] = values[image[i]!]!
  return out
}

/** factor * image + (1 - factor) * other. */
function blend(image: Bytes, other: (i: number) => number, factor: number): Bytes {
  const out = new Uint8ClampedArray(image.length)
  for (let i = 0; i < out.length; i++) out[i] = factor * image[i]! + (1 - factor) * other(i)
  return out
}

/** A weighted mean of the channels, as of ITU-R 601; a grey image is its own. */
function greyOf(image: Bytes, [channels, height, width]: Shape): Bytes {
  if (channels !== 3) return image
  const plane = height * width
  const out = new Uint8ClampedArray(plane)
  for (let i = 0; i < plane; i++)
    out[i] = 0.299 * image[i]! + 0.587 * image[plane + i]! + 0.114 * image[2 * plane + i]!
  return out
}

/** Brightness, contrast, colour and sharpness have 1 + amount as the factor of the image against its plain version. */
export const brightness: PixelOp = (image, _, amount) => blend(image, () => 0, 1 + amount)

export const contrast: PixelOp = (image, shape, amount) => {
  const grey = greyOf(image, shape)
  const mean = grey.reduce((a, b) => a + b, 0) / grey.length
  return blend(image, () => mean, 1 + amount)
}

export const colour: PixelOp = (image, shape, amount) => {
  const grey = greyOf(image, shape)
  return blend(image, (i) => grey[i % grey.length]!, 1 + amount)
}

export const sharpness: PixelOp = (image, [, height, width], amount) => {
  const smooth = image.slice()
  const plane = height * width
  for (let at = 0; at < image.length; at += plane)
    for (let y = 1; y < height - 1; y++)
      for (let x = 1; x < width - 1; x++) {
        const i = at + y * width + x
        const rows =
          image[i - width - 1]! +
          image[i - width]! +
          image[i - width + 1]! +
          image[i - 1]! +
          5 * image[i]! +
          image[i + 1]! +
          image[i + width - 1]! +
          image[i + width]! +
          image[i + width + 1]!
        smooth[i] = rows / 13
      }
  return blend(image, (i) => smooth[i]!, 1 + amount)
}

/** `amount` bits fewer, the low ones. */
export const posterize: PixelOp = (image, _, amount) => byTable(image, (v) => (v >> amount) << amount)

/** Values of at least 255 - amount turned into their negative. */
export const solarize: PixelOp = (image, _, amount) =>
  byTable(image, (v) => (v >= 255 - amount ? 255 - v : v))

export const invert: PixelOp = (image) => byTable(image, (v) => 255 - v)

/** Each channel stretched to 0..255. */
export const autoContrast: PixelOp = (image, shape) =>
  byChannel(image, shape, (part) => {
    let [low, high] = [255, 0]
    for (let i = 0; i < part.length; i++) {
      low = Math.min(low, part[i]!)
      high = Math.max(high, part[i]!)
    }
    return high > low ? byTable(part, (v) => ((v - low) * 255) / (high - low)) : part
  })

/** Each channel with about equally many pixels of every value, as Pillow's ImageOps.equalize does it. */
export const equalize: PixelOp = (image, shape) =>
  byChannel(image, shape, (part) => {
    const counts = new Uint32Array(256)
    for (const v of part) counts[v]!++
    const step = Math.floor((part.length - counts[counts.findLastIndex((n) => n > 0)]!) / 255)
    if (step === 0) return part
    let below = Math.floor(step / 2)
    const table = Array.from(counts, (n) => {
      const value = Math.floor(below / step)
      below += n
      return value
    })
    return byTable(part, (v) => table[v]!)
  })

function byChannel(image: Bytes, [, height, width]: Shape, change: (part: Bytes) => Bytes): Bytes {
  const out = new Uint8ClampedArray(image.length)
  const plane = height * width
  for (let at = 0; at < image.length; at += plane) out.set(change(image.subarray(at, at + plane)), at)
  return out
}

/** The nearest pixel at a x + b y + c, d x + e y + f for each (x, y); black outside. */
function affine(image: Bytes, [, height, width]: Shape, matrix: readonly number[]): Bytes {
  const [a, b, c, d, e, f] = matrix as [number, number, number, number, number, number]
  const out = new Uint8ClampedArray(image.length)
  const plane = height * width
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor(a * (x + 0.5) + b * (y + 0.5) + c)
      const fromY = Math.floor(d * (x + 0.5) + e * (y + 0.5) + f)
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue
      for (let at = 0; at < image.length; at += plane)
        out[at + y * width + x] = image[at + fromY * width + fromX]!
    }
  return out
}

/** Rows shifted by `amount` times their distance from the top, and columns likewise, as in AutoAugment. */
export const shearX: PixelOp = (image, shape, amount) => affine(image, shape, [1, amount, 0, 0, 1, 0])
export const shearY: PixelOp = (image, shape, amount) => affine(image, shape, [1, 0, 0, amount, 1, 0])

/** By `amount` of the width or height, to the left or up where it is positive. */
export const translateX: PixelOp = (image, shape, amount) =>
  affine(image, shape, [1, 0, Math.round(amount * shape[2]), 0, 1, 0])
export const translateY: PixelOp = (image, shape, amount) =>
  affine(image, shape, [1, 0, 0, 0, 1, Math.round(amount * shape[1])])

/** By `amount` degrees of up to 30 about the centre. */
export const rotate: PixelOp = (image, shape, amount) => {
  // Of half the angle, which its series reaches.
  const [c, s] = cosAndSin((amount * Math.PI) / 360)
  const [cos, sin] = [c * c - s * s, 2 * c * s]
  const [x, y] = [shape[2] / 2, shape[1] / 2]
  return affine(image, shape, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y])
}
