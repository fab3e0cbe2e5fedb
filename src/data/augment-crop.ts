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
    const [top, bottom] = [Math.max(0, -dy), Math.min(height, height - dy)]
    const [left, right] = [Math.max(0, -dx), Math.min(width, width - dx)]
    const shift = dy * width + dx
    for (let c = 0; c < channels; c++) {
      const start = c * plane
      const empty = fillOf(fill, image, plane, c)
      if (top >= bottom || left >= right) {
        out.fill(empty, start, start + plane)
        continue
      }
      // All rows at once, and then what came around from the neighbouring rows.
      const first = start + top * width + left
      out.set(image.subarray(first + shift, start + (bottom - 1) * width + right + shift), first)
      out.fill(empty, start, first)
      out.fill(empty, start + (bottom - 1) * width + right, start + plane)
      for (let row = start + (top + 1) * width; row < start + bottom * width; row += width)
        for (let at = row - (width - right); at < row + left; at++) out[at] = empty
    }
    return out
  }
}
