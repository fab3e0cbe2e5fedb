import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { compose, viewsOf } from './augment.ts'
import { randomCrop } from './augment-crop.ts'
import { cutout } from './augment-cutout.ts'
import { type Dataset, membersOf } from './dataset.ts'

/** Farthest that a strong view is shifted, as a share of the height and width. */
const SHIFT = 1 / 8
/** Side of the square that is cut out of it, as a share of the height. */
const CUT = 1 / 4

/**
 * Other views of the images at `indices`, [N, C, H, W]: each is shifted by up to an eighth of its size and a square of a
 * quarter of its height is cut out; what comes in from outside is the darkest value of the channel. `random` names the
 * epoch, as in `viewsOf`.
 */
export function strongViews(dataset: Dataset, indices: ArrayLike<number>, random: Random): Tensor {
  const [, height, width] = dataset.shape
  const augment = compose(
    randomCrop({ padding: [Math.floor(SHIFT * height), Math.floor(SHIFT * width)] }),
    cutout({ side: Math.min(Math.round(CUT * height), width), inside: true }),
  )
  return viewsOf(dataset, indices, augment, random)
}

/** For each sample another one of its class, drawn at random; the sample itself where it is the only one. */
export function partnersOf(dataset: Dataset, indices: ArrayLike<number>, random: Random): Int32Array {
  const members = membersOf(dataset)
  return Int32Array.from({ length: indices.length }, (_, i) => {
    const own = indices[i]!
    const others = members[dataset.labels[own]!]!.filter((other) => other !== own)
    return others.length === 0 ? own : others[random.integer(others.length)]!
  })
}
