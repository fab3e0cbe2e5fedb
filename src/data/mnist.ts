import { DataError, show } from '../errors.ts'
import type { Normalisation } from './dataset.ts'
import { expectFolder, findIn, readBytes } from './files.ts'
import { type IdxArray, readIdx } from './idx.ts'
import { type LoadedData, loaded } from './loaded.ts'
import { published, type RawSplit } from './normalise.ts'

const CLASSES = 10

/** Every spelling of each file's name, the first found being read. */
const FILES = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((stem) =>
  [`${stem}-ubyte`, `${stem.replace('-idx', '.idx')}-ubyte`].flatMap((name) => [name, `${name}.gz`]),
)

export interface MnistOptions {
  /** What the data set is called, `mnist` by default. */
  readonly name?: string
  /** MNIST's by default. */
  readonly normalisation?: Normalisation
}

/**
 * MNIST, or a data set in its form (Fashion-MNIST, KMNIST), from the four IDX files in `folder`:
 * `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, plain or
 * with `.gz`, also spelt `train-images.idx3-ubyte`. Images are [1, height, width] with pixels (v / 255 - 0.1307) / 0.3081.
 * Throws DataError if the folder or a file is missing or damaged, or if the files do not fit one another.
 */
export function loadMnist(folder: string, options: MnistOptions = {}): LoadedData {
  const { name = 'mnist', normalisation = published.mnist } = options
  const who = 'loadMnist'
  expectFolder(who, folder, 'the four IDX files')
  const paths = FILES.map((spellings) => findIn(folder, spellings))
  const missing = FILES.filter((_, i) => paths[i] === undefined).map((spellings) => spellings.join(' or '))
  if (missing.length > 0)
    throw new DataError(
      `loadMnist: ${folder} lacks ${missing.length} of the four files, got no ${missing.join('; no ')}. Download them into it.`,
    )
  const [trainImages, trainLabels, testImages, testLabels] = paths
  const train = readPart(trainImages!, trainLabels!)
  const test = readPart(testImages!, testLabels!)
  return loaded({ who, name, classes: CLASSES, train, test }, normalisation)
}

function readPart(imagesPath: string, labelsPath: string): RawSplit {
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
  return { pixels: pixels.data, labels: Int32Array.from(labels.data), shape: [1, height, width] }
}

function expectRank(path: string, array: IdxArray, form: string, rank: number): void {
  if (array.shape.length !== rank)
    throw new DataError(
      `loadMnist: ${path} must hold ${form}, got ${show(array.shape)}. Check that it is the right file.`,
    )
}

const readIdxFile = (path: string): IdxArray => readIdx(readBytes('loadMnist', path), path)
