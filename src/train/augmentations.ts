import {
  type Augmentation,
  blackOf,
  compose,
  cutout,
  horizontalFlip,
  randAugment,
  randomCrop,
} from '../data/browser.ts'
import type { Dataset } from '../data/dataset.ts'
import { ValueError } from '../errors.ts'

/** Augmentations by the names that an experiment calls them by; a number behind a colon sets their size. */
const policies = {
  crop: ({ shape, normalisation }, padding = Math.round(shape[1] / 8)) =>
    randomCrop({ padding, ...(normalisation ? { fill: blackOf(normalisation) } : {}) }),
  flip: (_, p = 0.5) => horizontalFlip({ p }),
  cutout: ({ shape }, side = shape[1] / 4) => cutout({ side: Math.round(side) }),
  rand: ({ name, normalisation }, magnitude = 9) => {
    if (!normalisation)
      throw new ValueError(
        `augment: rand works on bytes, got ${name}, whose normalisation is not known. Load it by a loader of kdgrad.`,
      )
    return randAugment({ normalisation, magnitude })
  },
} as const satisfies Record<string, (dataset: Dataset, size?: number) => Augmentation>

export const augmentationNames = Object.keys(policies)

/**
 * The augmentation that a list such as `['crop:4', 'flip']` names, in this order; undefined for none.
 *
 * @throws ValueError where a name is unknown or a size makes no sense.
 */
export function augmentationOf(list: readonly string[], dataset: Dataset): Augmentation | undefined {
  if (list.length === 0) return undefined
  const parts = list.map((entry) => {
    const [name = '', size, ...more] = entry.split(':')
    const amount = size === undefined ? 0 : Number(size || Number.NaN)
    const most = Math.max(dataset.shape[1], dataset.shape[2])
    const fits = amount >= 0 && amount <= most && more.length === 0
    if (!Object.hasOwn(policies, name) || !fits)
      throw new ValueError(
        `augment: there is no ${entry}, got ${list.join(',')}. Choose from ${augmentationNames.join(', ')}, with a size as in crop:4.`,
      )
    return policies[name as keyof typeof policies](dataset, size === undefined ? undefined : amount)
  })
  return compose(...parts)
}
