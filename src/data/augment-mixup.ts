import { ValueError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import type { Dataset } from './dataset.ts'

export interface MixupOptions {
  /** Of Beta(alpha, alpha): near 0 hardly anything is mixed, 1 mixes by any share alike. 1 by default, as on CIFAR. */
  readonly alpha?: number
}

export interface Mixed {
  /** lambda * image + (1 - lambda) * its partner's, [N, C, H, W]. */
  readonly images: Tensor
  /** The labels mixed alike, as probabilities, [N, classes]. */
  readonly targets: Tensor
  /** The share of the image itself, one for the batch. */
  readonly lambda: number
  /** Each image's partner, its place in the batch, [N]. */
  readonly partners: Int32Array
}

/**
 * mixup (Zhang et al. 2018, arXiv:1710.09412): each image of a batch mixed with another, and their labels alike. `views` are
 * the pixels [N, C, H, W] of the samples at `indices`, augmented or not. `random` names the step; the result is a function of
 * it and of the batch. Throws ValueError unless alpha is positive and `views` has as many pixels as `indices` say.
 */
export function mixup(
  { labels, classes, shape }: Pick<Dataset, 'labels' | 'classes' | 'shape'>,
  indices: ArrayLike<number>,
  views: Float32Array,
  { alpha = 1 }: MixupOptions,
  random: Random,
): Mixed {
  const size = indices.length
  const pixels = shape[0] * shape[1] * shape[2]
  if (views.length !== size * pixels)
    throw new ValueError(
      `mixup: ${size} images of this data set have ${size * pixels} pixels, got ${views.length}. Pass those of the same samples.`,
    )
  const lambda = beta(alpha, random)
  const partners = random.permutation(size)
  const images = new Float32Array(views.length)
  const targets = new Float32Array(size * classes)
  for (let i = 0; i < size; i++) {
    const [own, other] = [i * pixels, partners[i]! * pixels]
    for (let p = 0; p < pixels; p++)
      images[own + p] = lambda * views[own + p]! + (1 - lambda) * views[other + p]!
    targets[i * classes + labels[indices[i]!]!]! += lambda
    targets[i * classes + labels[indices[partners[i]!]!]!]! += 1 - lambda
  }
  return {
    images: tensor(images, [size, ...shape]),
    targets: tensor(targets, [size, classes]),
    lambda,
    partners,
  }
}

/**
 * A number of Beta(alpha, alpha), in [0, 1]. It is rounded to float32, so that an ulp of Math.log or Math.exp, which differ
 * between engines, hardly ever shows.
 */
export function beta(alpha: number, random: Random): number {
  if (!(alpha > 0 && Number.isFinite(alpha)))
    throw new ValueError(`mixup: alpha must be positive, got ${alpha}. Use 0.2 or 1, say.`)
  const difference = logGamma(alpha, random) - logGamma(alpha, random)
  return Math.fround(1 / (1 + Math.exp(-difference)))
}

/**
 * The logarithm of a number of Gamma(alpha, 1), as the number itself underflows for small alpha: Marsaglia and Tsang, "A
 * simple method for generating gamma variables" (2000), for alpha + 1, times u^(1 / alpha).
 */
function logGamma(alpha: number, random: Random): number {
  const d = alpha + 1 - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    // 1 - u lies in (0, 1].
    const accepted = v > 0 && Math.log(1 - random.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v)
    if (accepted) return Math.log(d * v) + Math.log(1 - random.uniform()) / alpha
  }
}
