import { DataError } from '../errors.ts'
import type { Normalisation } from './dataset.ts'
import { expectFolder, findIn, readBytes } from './files.ts'
import { type LoadedData, loaded } from './loaded.ts'
import { published, type RawSplit } from './normalise.ts'

/** The pixels of a record: a red, a green and a blue plane of 32 x 32. */
const PIXELS = 3 * 32 * 32

/** What a record begins with: for each of its label bytes, how many classes it tells apart. */
export interface CifarForm {
  readonly labelClasses: readonly number[]
  /** Which of them is the label. */
  readonly use: number
}

export const cifar10Form: CifarForm = { labelClasses: [10], use: 0 }
/** CIFAR-100 has a coarse label (20 classes) before the fine one. */
export const cifar100Form = (labels: 'fine' | 'coarse'): CifarForm => ({
  labelClasses: [20, 100],
  use: labels === 'fine' ? 1 : 0,
})

/**
 * Reads a file in CIFAR's binary format (https://www.cs.toronto.edu/~kriz/cifar.html): records of label bytes and
 * 3,072 pixels, channel by channel; any whole number of records. `name` is what messages call the file.
 * Throws DataError if it is empty, cut short, or has a label out of range.
 */
export function readCifar(bytes: Uint8Array, name: string, { labelClasses, use }: CifarForm): RawSplit {
  const head = labelClasses.length
  const record = head + PIXELS
  if (bytes.length === 0 || bytes.length % record !== 0)
    throw new DataError(
      `readCifar: ${name} must hold a whole number of records of ${record} bytes, got ${bytes.length} bytes. Download it again, or check that it is the right file.`,
    )
  const size = bytes.length / record
  const pixels = new Uint8Array(size * PIXELS)
  const labels = new Int32Array(size)
  for (let i = 0; i < size; i++) {
    const at = i * record
    labelClasses.forEach((classes, k) => {
      if (bytes[at + k]! >= classes)
        throw new DataError(
          `readCifar: the label at sample ${i} of ${name} is above ${classes - 1}, got ${bytes[at + k]}. Check that it is the right file.`,
        )
    })
    labels[i] = bytes[at + use]!
    pixels.set(bytes.subarray(at + head, at + record), i * PIXELS)
  }
  return { pixels, labels, shape: [3, 32, 32] }
}

const BATCHES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)

/**
 * CIFAR-10 (Krizhevsky 2009) from `folder`, or from `cifar-10-batches-bin` in it: `data_batch_1.bin` to
 * `data_batch_5.bin`, of which some may be missing, and `test_batch.bin`, plain or with `.gz`. Images are [3, 32, 32],
 * normalised by the published mean and deviation unless another is given.
 * Throws DataError if the folder or a file is missing or damaged.
 */
export function loadCifar10(folder: string, options: { normalisation?: Normalisation } = {}): LoadedData {
  const who = 'loadCifar10'
  return loadCifar(who, 'cifar10', inside(who, folder, 'cifar-10-batches-bin'), {
    form: cifar10Form,
    train: BATCHES,
    test: 'test_batch.bin',
    normalisation: options.normalisation ?? published.cifar10,
  })
}

/**
 * CIFAR-100 (Krizhevsky 2009) from `train.bin` and `test.bin` in `folder`, or in `cifar-100-binary` in it, plain or with
 * `.gz`. `labels` chooses the 100 fine classes (the default) or the 20 coarse ones. Otherwise as `loadCifar10`.
 */
export function loadCifar100(
  folder: string,
  options: { normalisation?: Normalisation; labels?: 'fine' | 'coarse' } = {},
): LoadedData {
  const who = 'loadCifar100'
  return loadCifar(who, 'cifar100', inside(who, folder, 'cifar-100-binary'), {
    form: cifar100Form(options.labels ?? 'fine'),
    train: ['train.bin'],
    test: 'test.bin',
    normalisation: options.normalisation ?? published.cifar100,
  })
}

/** `folder`, or what the official archive unpacks to in it. */
function inside(who: string, folder: string, unpacked: string): string {
  expectFolder(who, folder, 'the .bin files')
  return findIn(folder, [unpacked]) ?? folder
}

interface CifarFiles {
  readonly form: CifarForm
  readonly train: readonly string[]
  readonly test: string
  readonly normalisation: Normalisation
}

function loadCifar(
  who: string,
  name: string,
  folder: string,
  { form, train, test, normalisation }: CifarFiles,
): LoadedData {
  const found = (file: string) => findIn(folder, [file, `${file}.gz`])
  const trainPaths = train.map(found).filter((path) => path !== undefined)
  const testPath = found(test)
  if (trainPaths.length === 0 || testPath === undefined)
    throw new DataError(
      `${who}: ${folder} must hold ${train[0]} and ${test}, plain or with .gz, got no ${trainPaths.length === 0 ? train[0] : test}. Download them into it.`,
    )
  const read = (path: string) => readCifar(readBytes(who, path), path, form)
  const classes = form.labelClasses[form.use]!
  return loaded(
    { who, name, classes, train: joined(trainPaths.map(read)), test: read(testPath) },
    normalisation,
  )
}

function joined(parts: readonly RawSplit[]): RawSplit {
  const size = parts.reduce((sum, { labels }) => sum + labels.length, 0)
  const pixels = new Uint8Array(size * PIXELS)
  const labels = new Int32Array(size)
  let at = 0
  for (const part of parts) {
    pixels.set(part.pixels, at * PIXELS)
    labels.set(part.labels, at)
    at += part.labels.length
  }
  return { pixels, labels, shape: parts[0]!.shape }
}
