import { ValueError } from '../errors.ts'
import type { Augmentation } from './augment.ts'
import { isCount } from './counts.ts'
import type { Normalisation } from './dataset.ts'
import { byteTable } from './normalise.ts'
import * as ops from './pixel-ops.ts'

/** What an operation does at share `s` (0 to 1) of the largest magnitude; where `signed`, one time in two backwards. */
interface RandOp {
  readonly apply: ops.PixelOp
  readonly amount: (s: number) => number
  readonly signed?: true
}

const BINS = 30
/** The paper's fourteen with the ranges of torchvision's RandAugment, which are AutoAugment's, and `invert`. */
const OPS = {
  identity: { apply: (image) => image, amount: () => 0 },
  shearX: { apply: ops.shearX, amount: (s) => 0.3 * s, signed: true },
  shearY: { apply: ops.shearY, amount: (s) => 0.3 * s, signed: true },
  translateX: { apply: ops.translateX, amount: (s) => (150 / 331) * s, signed: true },
  translateY: { apply: ops.translateY, amount: (s) => (150 / 331) * s, signed: true },
  rotate: { apply: ops.rotate, amount: (s) => 30 * s, signed: true },
  brightness: { apply: ops.brightness, amount: (s) => 0.9 * s, signed: true },
  colour: { apply: ops.colour, amount: (s) => 0.9 * s, signed: true },
  contrast: { apply: ops.contrast, amount: (s) => 0.9 * s, signed: true },
  sharpness: { apply: ops.sharpness, amount: (s) => 0.9 * s, signed: true },
  posterize: { apply: ops.posterize, amount: (s) => Math.round(4 * s) },
  solarize: { apply: ops.solarize, amount: (s) => 255 * s },
  autoContrast: { apply: ops.autoContrast, amount: () => 0 },
  equalize: { apply: ops.equalize, amount: () => 0 },
  invert: { apply: ops.invert, amount: () => 0 },
} satisfies Record<string, RandOp>

export type RandOpName = keyof typeof OPS

/** The operations of the paper: all but `invert`, which AutoAugment has and RandAugment has not. */
export const randAugmentOps = Object.keys(OPS).filter((name) => name !== 'invert') as RandOpName[]

export interface RandAugmentOptions {
  /** How the images were normalised: the operations are of bytes. */
  readonly normalisation: Normalisation
  /** How many operations are drawn, with replacement. 2 by default. */
  readonly count?: number
  /** How strong they are, 0 to 30. 9 by default. */
  readonly magnitude?: number
  /** Which are drawn from, every one as likely. The paper's fourteen by default. */
  readonly ops?: readonly RandOpName[]
}

/**
 * RandAugment (Cubuk et al. 2020, arXiv:1909.13719): `count` operations drawn at random, all of one magnitude. What comes
 * in from outside is black. Pixels are rounded to 256 values of 0..1, so images that were bytes come back unharmed.
 * Throws ValueError on a count, a magnitude or an operation that is none.
 */
export function randAugment(options: RandAugmentOptions): Augmentation {
  const { normalisation, count = 2, magnitude = 9, ops: names = randAugmentOps } = options
  if (!isCount(count) || !(magnitude >= 0 && magnitude <= BINS))
    throw new ValueError(
      `randAugment: the count must be whole and the magnitude 0 to ${BINS}, got ${count} and ${magnitude}. Use 2 and 9, say.`,
    )
  const unknown = names.find((name) => !Object.hasOwn(OPS, name))
  if (unknown !== undefined || names.length === 0)
    throw new ValueError(
      `randAugment: the operations must be some of those there are, got ${unknown ?? 'none'}. Choose from ${Object.keys(OPS).join(', ')}.`,
    )
  const { mean, deviation } = normalisation
  const tables = mean.map((m, c) => byteTable(m, deviation[c]!))
  return (image, shape, random) => {
    const plane = shape[1] * shape[2]
    let bytes: ops.Bytes = new Uint8ClampedArray(image.length)
    for (let c = 0; c < shape[0]; c++) {
      const [scale, zero] = [255 * deviation[c]!, 255 * mean[c]!]
      for (let i = c * plane; i < (c + 1) * plane; i++) bytes[i] = image[i]! * scale + zero
    }
    for (let k = 0; k < count; k++) {
      const { apply, amount, signed }: RandOp = OPS[names[random.integer(names.length)]!]
      const sign = random.uniform() < 0.5 ? -1 : 1
      bytes = apply(bytes, shape, (signed ? sign : 1) * amount(magnitude / BINS))
    }
    const view = new Float32Array(image.length)
    for (let c = 0; c < shape[0]; c++) {
      const table = tables[c]!
      for (let i = c * plane; i < (c + 1) * plane; i++) view[i] = table[bytes[i]!]!
    }
    return view
  }
}
