import type { Random } from '../random.ts'
import { type Augmentation, compose } from './augment.ts'
import { randomCrop } from './augment-crop.ts'
import { cutout } from './augment-cutout.ts'
import { randAugment } from './augment-rand.ts'
import { type Dataset, membersOf } from './dataset.ts'

/** Farthest that an image is shifted where nothing else makes a second view of it, as a share of the height and width. */
const SHIFT = 1 / 8
/** Side of the square that is cut out of it, as a share of the height. */
const CUT = 1 / 4
/** Operations and magnitude of RandAugment as multi-level logit distillation has them (CVPR 2023). */
const STRONG = { count: 2, magnitude: 10 }

/**
 * What makes a second view of an image that `augment` makes the first of: the same, drawn anew, with RandAugment behind it
 * where it is to be `strong`. Where nothing is augmented, and where a strong one cannot be (RandAugment must know how the
 * bytes were normalised), the image is shifted by up to an eighth of its size and a square of a quarter of its height is
 * cut out; what comes in from outside is the darkest value of the channel.
 */
export function secondView(
  { shape: [, height, width], normalisation }: Dataset,
  augment: Augmentation | undefined,
  strong: boolean,
): Augmentation {
  const first = augment ? [augment] : []
  if (strong && normalisation) return compose(...first, randAugment({ normalisation, ...STRONG }))
  if (augment && !strong) return augment
  return compose(
    ...first,
    randomCrop({ padding: [Math.floor(SHIFT * height), Math.floor(SHIFT * width)] }),
    cutout({ side: Math.min(Math.round(CUT * height), width), inside: true }),
  )
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
