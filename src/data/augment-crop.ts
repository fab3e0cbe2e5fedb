import { ValueError } from '../errors.ts'
import { type Augmentation, type Fill, fillOf } from './augment.ts'
import { isCount } from './counts.ts'

export interface CropOptions {
  /** Pixels added at every side, or above and below, then left and right. */
  readonly padding: number | readonly [rows: number, columns: number]
  /** Value per channel of what is added; the darkest that the image has by default. `blackOf` gives the published one. */
  readonly fill?: Fill
}

/**
 * A crop of the image's own size from the padded image, every place as likely: a shift by up to `padding` each way (He et
 * al. 2016, arXiv:1512.03385, with 4 for CIFAR). Throws ValueError unless the padding is whole and at least 0.
 */
export function randomCrop({ padding, fill }: CropOptions): Augmentation {
  const [rows, columns] = typeof padding === 'number' ? [padding, padding] : padding
  if (!isCount(rows) || !isCount(columns))
    throw new ValueError(
      `randomCrop: the padding must be a whole number of pixels, got ${rows} and ${columns}. Use 4, say.`,
    )
  return (image, [channels, height, width], random) => {
    const dy = random.integer(2 * rows + 1) - rows
    const dx = random.integer(2 * columns + 1) - columns
    if (dy === 0 && dx === 0) return image
    const plane = height * width
    const out = new Float32Array(image.length)
    const first = Math.max(0, -dx)
    const end = Math.min(width, width - dx)
    for (let c = 0; c < channels; c++) {
      const empty = fillOf(fill, image, plane, c)
      out.fill(empty, c * plane, (c + 1) * plane)
      if (first >= end) continue
      for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
        const to = c * plane + y * width
        const from = to + dy * width + dx
        out.set(image.subarray(from + first, from + end), to + first)
      }
    }
    return out
  }
}
