import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import type { Dataset, Normalisation } from './dataset.ts'

/**
 * A view of one image: normalised pixels [C, H, W] of this shape in, as many out. It draws from `random` alone, so that the
 * same stream gives the same view, and never changes its input; where there is nothing to do it may return it.
 */
export type Augmentation = (image: Float32Array, shape: Dataset['shape'], random: Random) => Float32Array

/** One after the other, from the same stream. */
export const compose =
  (...augmentations: readonly Augmentation[]): Augmentation =>
  (image, shape, random) =>
    augmentations.reduce((view, augment) => augment(view, shape, random), image)

/** The pixels of `viewsOf`, flat. */
export function viewPixels(
  { images, shape }: Dataset,
  indices: ArrayLike<number>,
  augment: Augmentation,
  random: Random,
): Float32Array {
  const pixels = shape[0] * shape[1] * shape[2]
  const views = new Float32Array(indices.length * pixels)
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!
    const image = images.subarray(index * pixels, (index + 1) * pixels)
    views.set(augment(image, shape, random.fork(index)), i * pixels)
  }
  return views
}

/**
 * A view of each image at `indices`, [N, C, H, W]. `random` names the epoch, `new Random(seed).fork(epoch)`: a view is a
 * function of it and of the sample's index, whoever else is in the batch, so that it can be replayed.
 */
export function viewsOf(
  dataset: Dataset,
  indices: ArrayLike<number>,
  augment: Augmentation,
  random: Random,
): Tensor {
  return tensor(viewPixels(dataset, indices, augment, random), [indices.length, ...dataset.shape])
}

/** What a part of a view that lies outside of the image, or is cut out, is filled with: a value per channel. */
export type Fill = readonly number[] | undefined

/** A pixel that was 0 before it was normalised: the black padding of published recipes. */
export const blackOf = ({ mean, deviation }: Normalisation): number[] =>
  mean.map((m, c) => -m / deviation[c]!)

/** The fill of channel `c`: the given one, or else the darkest value that this image has there. */
export function fillOf(fill: Fill, image: Float32Array, plane: number, c: number): number {
  if (fill) return fill[c]!
  let darkest = image[c * plane]!
  for (let i = c * plane + 1; i < (c + 1) * plane; i++) if (image[i]! < darkest) darkest = image[i]!
  return darkest
}
