import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { DataError, show } from '../errors.ts'
import { checkDataset, type Dataset } from './dataset.ts'
import { type IdxArray, readIdx } from './idx.ts'

/** Mean and deviation of MNIST's training pixels, scaled to 0..1: what every published recipe normalises with. */
const MEAN = 0.1307
const DEVIATION = 0.3081
const CLASSES = 10
/** What a file may unpack to: more than ten times MNIST's largest, so that a hostile file cannot take the memory. */
const MOST_BYTES = 2 ** 29

/** Every spelling of each file's name, the first found being read. */
const FILES = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((stem) =>
  [`${stem}-ubyte`, `${stem.replace('-idx', '.idx')}-ubyte`].flatMap((name) => [name, `${name}.gz`]),
)

/**
 * MNIST, or a data set in its form (Fashion-MNIST, KMNIST), from the four IDX files in `folder`:
 * `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, plain or
 * with `.gz`, also spelt `train-images.idx3-ubyte`. Images are [1, height, width] with pixels (v / 255 - 0.1307) / 0.3081.
 * Throws DataError if the folder or a file is missing or damaged, or if the files do not fit one another.
 */
export function loadMnist(folder: string): { train: Dataset; test: Dataset } {
  if (!existsSync(folder))
    throw new DataError(
      `loadMnist: there is no such folder, got ${folder}. Pass the one with the four IDX files.`,
    )
  if (!statSync(folder).isDirectory())
    throw new DataError(
      `loadMnist: this is not a folder, got ${folder}. Pass the one with the four IDX files.`,
    )
  const paths = FILES.map((spellings) =>
    spellings.map((name) => join(folder, name)).find((path) => existsSync(path)),
  )
  const missing = FILES.filter((_, i) => paths[i] === undefined).map((spellings) => spellings.join(' or '))
  if (missing.length > 0)
    throw new DataError(
      `loadMnist: ${folder} lacks ${missing.length} of the four files, got no ${missing.join('; no ')}. Download them into it.`,
    )
  const [trainImages, trainLabels, testImages, testLabels] = paths
  const train = readPart('mnist train', trainImages!, trainLabels!)
  const test = readPart('mnist test', testImages!, testLabels!)
  if (train.shape.some((n, d) => n !== test.shape[d]))
    throw new DataError(
      `loadMnist: training and test images must have one size, got ${show(train.shape)} and ${show(test.shape)}. Check that all files are of one data set.`,
    )
  return { train, test }
}

function readPart(name: string, imagesPath: string, labelsPath: string): Dataset {
  const pixels = readIdxFile(imagesPath)
  const labels = readIdxFile(labelsPath)
  expectRank(imagesPath, pixels, '[images, height, width]', 3)
  expectRank(labelsPath, labels, '[images]', 1)
  const [size, height, width] = pixels.shape as [number, number, number]
  if (labels.shape[0] !== size)
    throw new DataError(
      `loadMnist: every image needs one label, got ${size} images in ${imagesPath} and ${labels.shape[0]} labels in ${labelsPath}. Check that both are of one data set.`,
    )
  const wrong = labels.data.findIndex((label) => label >= CLASSES)
  if (wrong >= 0)
    throw new DataError(
      `loadMnist: the label at sample ${wrong} of ${labelsPath} is above 9, got ${labels.data[wrong]}. Check that it is a file of labels.`,
    )
  // One table instead of a division per pixel.
  const normalised = Float32Array.from({ length: 256 }, (_, v) => (v / 255 - MEAN) / DEVIATION)
  const images = new Float32Array(pixels.data.length)
  for (let i = 0; i < images.length; i++) images[i] = normalised[pixels.data[i]!]!
  const dataset: Dataset = {
    name,
    images,
    labels: Int32Array.from(labels.data),
    shape: [1, height, width],
    classes: CLASSES,
    size,
  }
  checkDataset(dataset)
  return dataset
}

function expectRank(path: string, array: IdxArray, form: string, rank: number): void {
  if (array.shape.length !== rank)
    throw new DataError(
      `loadMnist: ${path} must hold ${form}, got ${show(array.shape)}. Check that it is the right file.`,
    )
}

function readIdxFile(path: string): IdxArray {
  const bytes = read(path)
  // By content, not by name: browsers unpack a .gz that they download and keep its name.
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b
  return readIdx(packed ? unpack(path, bytes) : bytes, path)
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new DataError(
      `loadMnist: ${path} cannot be read, got ${reason(error)}. Check the file and its permissions.`,
    )
  }
}

function unpack(path: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES })
  } catch (error) {
    throw new DataError(`loadMnist: ${path} is a damaged gzip file, got ${reason(error)}. Download it again.`)
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
