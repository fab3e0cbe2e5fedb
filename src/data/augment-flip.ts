import { ValueError } from '../errors.ts'
import type { Augmentation } from './augment.ts'
import { isShare } from './counts.ts'

/** The image mirrored left to right with probability `p`. Throws ValueError if p is no probability. */
export function horizontalFlip({ p = 0.5 }: { readonly p?: number } = {}): Augmentation {
  if (!isShare(p))
    throw new ValueError(`horizontalFlip: a probability lies between 0 and 1, got ${p}. Use 0.5.`)
  return (image, [, , width], random) => {
    if (random.uniform() >= p) return image
    const out = new Float32Array(image.length)
    for (let row = 0; row < image.length; row += width)
      for (let x = 0; x < width; x++) out[row + x] = image[row + width - 1 - x]!
    return out
  }
}
