import { DataError, show, ValueError } from '../errors.ts'
import { Random } from '../random.ts'
import { checkDataset, type Dataset, type Normalisation } from './dataset.ts'
import { normalisationOf, normalised, type RawSplit } from './normalise.ts'
import { stratify } from './split.ts'

/** A data set as every loader gives it. */
export interface LoadedData {
  readonly train: Dataset
  readonly test: Dataset
  /** Of both splits, for a config: the published one, or the one computed from the training images. */
  readonly normalisation: Normalisation
}

export interface Raw {
  /** The loader that messages name. */
  readonly who: string
  readonly name: string
  readonly classes: number
  readonly train: RawSplit
  readonly test: RawSplit
  readonly classNames?: readonly string[]
}

/** Where one split is all that the source has. */
export interface HoldOut {
  /** Share of each class that becomes the test set, 0.2 by default. */
  readonly testFraction?: number
  /** Another seed holds out other images, 0 by default. */
  readonly seed?: number
}

/**
 * The two data sets of `raw`, normalised by `normalisation` or else by what its training images have.
 * Throws DataError if a split has no images, a wrong label or a pixel that is not finite, or if the two differ in the
 * size of their images; ValueError if the normalisation is not one for these channels.
 */
export function loaded(raw: Raw, normalisation?: Normalisation): LoadedData {
  const { who, train, test } = raw
  if (train.shape.some((n, d) => n !== test.shape[d]))
    throw new DataError(
      `${who}: training and test images must have one size, got ${show(train.shape)} and ${show(test.shape)}. Check that all files are of one data set.`,
    )
  // Before a mean is taken: one NaN would reach all images of its channel.
  if (train.pixels instanceof Float32Array) checkDataset(datasetOf(raw, 'train', train, train.pixels))
  if (normalisation) checkNormalisation(who, normalisation, train.shape[0])
  const by = normalisation ?? normalisationOf(train)
  const finished = (split: 'train' | 'test') => {
    const dataset = { ...datasetOf(raw, split, raw[split], normalised(raw[split], by)), normalisation: by }
    checkDataset(dataset)
    return dataset
  }
  return { train: finished('train'), test: finished('test'), normalisation: by }
}

/** `only` cut into a training and a test set, the same share of each class. Throws ValueError on a share that is none. */
export function heldOut(
  only: RawSplit,
  classes: number,
  { testFraction = 0.2, seed = 0 }: HoldOut,
): Pick<Raw, 'train' | 'test'> {
  const { kept, held } = stratify(
    { labels: only.labels, classes },
    testFraction,
    new Random(seed).fork('test'),
  )
  return { train: samplesOf(only, kept), test: samplesOf(only, held) }
}

function samplesOf({ pixels, labels, shape }: RawSplit, indices: readonly number[]): RawSplit {
  const each = shape[0] * shape[1] * shape[2]
  const length = indices.length * each
  const chosen = pixels instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length)
  indices.forEach((index, i) => {
    chosen.set(pixels.subarray(index * each, (index + 1) * each), i * each)
  })
  return { pixels: chosen, labels: Int32Array.from(indices, (index) => labels[index]!), shape }
}

function datasetOf(
  { name, classes, classNames }: Raw,
  split: string,
  { labels, shape }: RawSplit,
  images: Float32Array,
): Dataset {
  const named = classNames ? { classNames } : {}
  return { name: `${name} ${split}`, images, labels, shape, classes, size: labels.length, ...named }
}

function checkNormalisation(who: string, { mean, deviation }: Normalisation, channels: number): void {
  const fits = (values: readonly number[]) => values.length === channels && values.every(Number.isFinite)
  if (!fits(mean) || !fits(deviation) || deviation.some((d) => d <= 0))
    throw new ValueError(
      `${who}: a normalisation has a finite mean and a positive deviation for each of ${channels} channels, got ${show(mean)} and ${show(deviation)}. Pass ${channels} of each, or none to have them computed.`,
    )
}
