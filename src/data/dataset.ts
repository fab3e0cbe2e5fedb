import { DataError, show, ValueError } from '../errors.ts'
import type { Random } from '../random.ts'

/** How pixels were normalised: (v - mean) / deviation, a value per channel, v usually being 0 to 1. */
export interface Normalisation {
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
}

/** Labelled images in memory. */
export interface Dataset {
  /** What messages and reports call it, e.g. `mnist train`. */
  readonly name: string
  /** Normalised pixels, [size, channels, height, width] row by row. */
  readonly images: Float32Array
  /** The class of each image, 0 to classes - 1, [size]. */
  readonly labels: Int32Array
  readonly shape: readonly [channels: number, height: number, width: number]
  readonly classes: number
  /** Number of images. */
  readonly size: number
  /** Where each image stood in the files or set that it was taken from, counted from 0, [size]; in order where left out. */
  readonly origin?: Int32Array
  /** How `images` came from the pixels of the source, where that is known. */
  readonly normalisation?: Normalisation
  /** What the classes are called, in the order of their labels, where the source says. */
  readonly classNames?: readonly string[]
}

const pixelsPerImage = ({ shape }: Dataset): number => shape[0] * shape[1] * shape[2]

/**
 * A copy of the images at `indices`, in that order; an index may come twice.
 * Throws ValueError on an index that is not one of the data set's.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  const pixels = pixelsPerImage(dataset)
  const images = new Float32Array(indices.length * pixels)
  const labels = new Int32Array(indices.length)
  const origin = new Int32Array(indices.length)
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!
    if (!(Number.isInteger(index) && index >= 0 && index < dataset.size))
      throw new ValueError(
        `subset: index ${i} is not a sample of ${dataset.name}, got ${index}. Use whole numbers from 0 to ${dataset.size - 1}.`,
      )
    images.set(dataset.images.subarray(index * pixels, (index + 1) * pixels), i * pixels)
    labels[i] = dataset.labels[index]!
    origin[i] = dataset.origin?.[index] ?? index
  }
  return { ...dataset, images, labels, origin, size: indices.length }
}

/** The samples of each class, in order. */
export function membersOf({ classes, labels }: Pick<Dataset, 'classes' | 'labels'>): number[][] {
  const members = Array.from({ length: classes }, (): number[] => [])
  labels.forEach((label, i) => {
    members[label]?.push(i)
  })
  return members
}

/**
 * `count` images drawn without replacement, equally many of each class (the first classes get one more where it does
 * not divide), in the order that they have in `dataset`. Draws from `random`, so each call is a new selection.
 * Throws ValueError if count is not 1 to size, DataError if a class has too few images.
 */
export function balancedSubset(dataset: Dataset, count: number, random: Random): Dataset {
  const { name, classes, size } = dataset
  if (!(Number.isInteger(count) && count >= 1 && count <= size))
    throw new ValueError(
      `balancedSubset: ${name} has ${size} samples, got a count of ${count}. Use 1 to ${size}.`,
    )
  const chosen = membersOf(dataset).flatMap((indices, label) => {
    const wanted = Math.floor(count / classes) + (label < count % classes ? 1 : 0)
    if (indices.length < wanted)
      throw new DataError(
        `balancedSubset: class ${label} of ${name} needs ${wanted} samples for a balanced ${count}, got ${indices.length}. Ask for fewer samples.`,
      )
    return [...random.permutation(indices.length).subarray(0, wanted)].map((i) => indices[i]!)
  })
  return subset(
    dataset,
    chosen.sort((a, b) => a - b),
  )
}

/**
 * One epoch: `indices` (or 0 to n - 1) in a new random order, cut into minibatches of `batchSize`; the last holds what
 * is left over. Draws from `random`, so each call is another order.
 * Throws ValueError unless there is at least one sample and batchSize is a whole number of at least 1.
 */
export function batches(
  indices: number | ArrayLike<number>,
  batchSize: number,
  random: Random,
): Int32Array[] {
  const size = typeof indices === 'number' ? indices : indices.length
  if (!(Number.isInteger(size) && size >= 1))
    throw new ValueError(`batches: there must be at least one sample, got ${size}. Check the data set.`)
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new ValueError(
      `batches: the batch size must be a whole number of at least 1, got ${batchSize}. Use 32, say.`,
    )
  const order = random.permutation(size)
  if (typeof indices !== 'number') for (let i = 0; i < size; i++) order[i] = indices[order[i]!]!
  return Array.from({ length: Math.ceil(size / batchSize) }, (_, i) =>
    order.slice(i * batchSize, (i + 1) * batchSize),
  )
}

/**
 * Throws DataError unless `dataset` can be trained on: at least one image, sizes that agree, every label a class and
 * every pixel finite. The message names the first sample at fault.
 */
export function checkDataset(dataset: Dataset): void {
  const { name, images, labels, shape, classes, size } = dataset
  const refuse = (what: string, got: string, remedy: string): never => {
    throw new DataError(`checkDataset: ${name} ${what}, got ${got}. ${remedy}.`)
  }
  if (!(Number.isInteger(size) && size >= 1))
    refuse('must hold at least one sample', `${size}`, 'Check its source')
  if (!(Number.isInteger(classes) && classes >= 1))
    refuse('must have at least one class', `${classes}`, 'Set classes to their number')
  if (shape.length !== 3 || !shape.every((n) => Number.isInteger(n) && n >= 1))
    refuse('must have images of [channels, height, width]', show(shape), 'Set shape to three whole numbers')
  const pixels = pixelsPerImage(dataset)
  if (images.length !== size * pixels)
    refuse(
      `needs ${size * pixels} pixels for ${size} samples of ${show(shape)}`,
      `${images.length}`,
      'Check its source',
    )
  if (labels.length !== size) refuse(`needs ${size} labels`, `${labels.length}`, 'Check its source')
  labels.forEach((label, i) => {
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      refuse(
        `has a wrong label at sample ${i}`,
        `${label}`,
        `Labels are whole numbers from 0 to ${classes - 1}`,
      )
  })
  for (let i = 0; i < images.length; i++)
    if (!Number.isFinite(images[i]))
      refuse(
        `has a pixel that is not finite at sample ${Math.floor(i / pixels)}`,
        `${images[i]}`,
        'Clean or drop the sample',
      )
}
