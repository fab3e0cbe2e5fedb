import { ValueError } from '../errors.ts'
import { type Augmentation, type Fill, fillOf } from './augment.ts'
import { isCount } from './counts.ts'

export interface CutoutOptions {
  /** Side of the square in pixels: 16 for CIFAR-10, 8 for CIFAR-100 in the paper. */
  readonly side: number
  /** Value per channel of what is cut out; the darkest that the image has by default. The paper's is 0, the mean. */
  readonly fill?: Fill
  /** Whether the whole square lies in the image; by default, as in the paper, only its centre does. */
  readonly inside?: boolean
}

/**
 * A square cut out at a random place (DeVries and Taylor 2017, arXiv:1708.04552). Throws ValueError unless the side is
 * whole and at least 0.
 */
export function cutout({ side, fill, inside = false }: CutoutOptions): Augmentation {
  if (!isCount(side))
    throw new ValueError(`cutout: the side must be a whole number of pixels, got ${side}. Use 8, say.`)
  return (image, [channels, height, width], random) => {
    const place = (size: number) =>
      inside ? random.integer(Math.max(size - side, 0) + 1) : random.integer(size) - Math.floor(side / 2)
    const [top, left] = [place(height), place(width)]
    const [bottom, right] = [Math.min(top + side, height), Math.min(left + side, width)]
    const out = image.slice()
    const plane = height * width
    for (let c = 0; c < channels; c++) {
      const empty = fillOf(fill, image, plane, c)
      for (let y = Math.max(top, 0); y < bottom; y++)
        for (let x = Math.max(left, 0); x < right; x++) out[c * plane + y * width + x] = empty
    }
    return out
  }
}
