import { type UnzipFileInfo, unzipSync } from 'fflate'
import { DataError, show } from '../errors.ts'
import type { Dataset, Normalisation } from './dataset.ts'
import { isFolder, pathsIn, readBytes } from './files.ts'
import { MOST_INFLATION } from './limits.ts'
import { type HoldOut, heldOut, type LoadedData, loaded } from './loaded.ts'
import type { RawSplit } from './normalise.ts'
import { type NpyArray, readNpy } from './npy.ts'
import { reason } from './reason.ts'

/** What the directory of a zip file takes per entry at least. */
const ENTRY_BYTES = 46
/** More classes than any set has: a larger label is an error, not a class. */
const MOST_CLASSES = 2 ** 16

/** By what images and labels of a split are called: here, in Keras' files, in MedMNIST's. */
const SPELLINGS = {
  train: [
    ['train_images', 'train_labels'],
    ['x_train', 'y_train'],
  ],
  test: [
    ['test_images', 'test_labels'],
    ['x_test', 'y_test'],
  ],
  only: [
    ['images', 'labels'],
    ['x', 'y'],
  ],
} as const

export interface NpzOptions extends HoldOut {
  /** Computed from the training images by default. */
  readonly normalisation?: Normalisation
  /** Where the channels of images [N, ., ., .] are, needed where the shape alone does not say. */
  readonly layout?: 'NHWC' | 'NCHW'
}

/**
 * The arrays of a .npz file, deflated or not, by name. Throws DataError if it is no zip file of .npy files; the sizes that it
 * claims are checked against the bytes before memory is taken. `name` is what messages call it.
 */
export function readNpz(bytes: Uint8Array, name: string): Map<string, NpyArray> {
  let seen = 0
  const fits = ({ name: entry, size, originalSize }: UnzipFileInfo) => {
    // A directory may claim billions of entries.
    if (++seen * ENTRY_BYTES > bytes.length)
      throw new DataError(
        `readNpz: ${name} claims more entries than its bytes can hold, got ${seen} in ${bytes.length} bytes. Save it again.`,
      )
    if (size > bytes.length || originalSize > MOST_INFLATION * size)
      throw new DataError(
        `readNpz: entry ${entry} of ${name} claims more than its bytes can hold, got ${originalSize} from ${size} bytes. Save it again.`,
      )
    return entry.endsWith('.npy')
  }
  let entries: Record<string, Uint8Array>
  try {
    entries = unzipSync(bytes, { filter: fits })
  } catch (error) {
    if (error instanceof DataError) throw error
    throw new DataError(`readNpz: ${name} is not a readable .npz file, got ${reason(error)}. Save it again.`)
  }
  return new Map(
    Object.entries(entries).map(([entry, content]) => {
      const key = entry.slice(0, -'.npy'.length)
      return [key, readNpy(content, `${key} of ${name}`)]
    }),
  )
}

/**
 * A data set from a .npz file, or from the one that is in the folder `path`: `train_images`, `train_labels`, `test_images`,
 * `test_labels` (or `x_train` and so on), or `images` and `labels` (or `x` and `y`), of which a share is held out as the
 * test set. Images are [N, H, W], [N, H, W, C] or [N, C, H, W], bytes (then v / 255) or floats; labels are [N] or [N, 1]
 * whole numbers from 0. Throws DataError on anything else.
 */
export function loadNpz(path: string, options: NpzOptions = {}): LoadedData {
  const file = fileOf(path)
  const arrays = readNpz(readBytes('loadNpz', file), file)
  const { normalisation, layout } = options
  const split = (spellings: readonly (readonly [string, string])[]): RawSplit | undefined => {
    const pair = spellings.find(([images, labels]) => arrays.has(images) && arrays.has(labels))
    return pair && splitOf(file, pair, arrays, layout)
  }
  const train = split(SPELLINGS.train)
  const test = split(SPELLINGS.test)
  const only = train && test ? undefined : split(SPELLINGS.only)
  if (train && test) {
    const classes = classesOf(file, train)
    return loaded({ who: 'loadNpz', name: 'npz', classes, train, test }, normalisation)
  }
  if (only === undefined)
    throw new DataError(
      `loadNpz: ${file} must hold train_images, train_labels, test_images and test_labels, or images and labels, got ${[...arrays.keys()].join(', ') || 'no arrays'}. Save them under these names.`,
    )
  const classes = classesOf(file, only)
  return loaded({ who: 'loadNpz', name: 'npz', classes, ...heldOut(only, classes, options) }, normalisation)
}

function fileOf(path: string): string {
  if (!isFolder('loadNpz', path)) return path
  const files = pathsIn('loadNpz', path).filter((file) => file.endsWith('.npz'))
  if (files.length !== 1)
    throw new DataError(
      `loadNpz: ${path} must hold one .npz file, got ${files.length}. Pass the path of the file itself.`,
    )
  return files[0]!
}

function splitOf(
  file: string,
  [imagesName, labelsName]: readonly [string, string],
  arrays: ReadonlyMap<string, NpyArray>,
  layout: NpzOptions['layout'],
): RawSplit {
  const images = arrays.get(imagesName)!
  const labels = arrays.get(labelsName)!
  const size = labels.data.length
  if (
    labels.shape.length < 1 ||
    labels.shape.length > 2 ||
    labels.shape[0] !== size ||
    images.shape[0] !== size
  )
    throw new DataError(
      `loadNpz: ${labelsName} of ${file} must be [N] for ${imagesName} [N, ...], got ${show(labels.shape)} and ${show(images.shape)}. Save one label per image.`,
    )
  // Before an Int32Array hides it.
  const wrong = labels.data.findIndex(
    (label) => !(Number.isInteger(label) && label >= 0 && label < MOST_CLASSES),
  )
  if (wrong >= 0)
    throw new DataError(
      `loadNpz: the label at sample ${wrong} of ${labelsName} in ${file} is no class, got ${labels.data[wrong]}. Labels are whole numbers from 0.`,
    )
  const pixels = images.data instanceof Float64Array ? Float32Array.from(images.data) : images.data
  return {
    ...channelsFirst(`${imagesName} of ${file}`, pixels, images.shape, layout),
    labels: Int32Array.from(labels.data),
  }
}

const classesOf = (file: string, { labels }: RawSplit): number => {
  if (labels.length === 0)
    throw new DataError(`loadNpz: ${file} must hold at least one image, got 0. Check how it was made.`)
  return labels.reduce((a, b) => Math.max(a, b)) + 1
}

function channelsFirst(
  name: string,
  pixels: RawSplit['pixels'],
  shape: readonly number[],
  layout: NpzOptions['layout'],
): Pick<RawSplit, 'pixels' | 'shape'> {
  if (shape.length === 3) return { pixels, shape: [1, shape[1]!, shape[2]!] }
  if (shape.length !== 4)
    throw new DataError(
      `loadNpz: ${name} must be [N, H, W], [N, H, W, C] or [N, C, H, W], got ${show(shape)}. Reshape it.`,
    )
  const [, a, b, c] = shape as [number, number, number, number]
  if ((layout ?? layoutOf(name, shape)) === 'NCHW') return { pixels, shape: [a, b, c] }
  return { pixels: turned(pixels, a * b, c), shape: [c, a, b] }
}

const isChannels = (n: number | undefined) => n === 1 || n === 3 || n === 4

function layoutOf(name: string, shape: Dataset['shape'] | readonly number[]): 'NHWC' | 'NCHW' {
  const [first, last] = [isChannels(shape[1]), isChannels(shape[3])]
  if (first === last)
    throw new DataError(
      `loadNpz: ${name} does not say by its shape where the channels are, got ${show(shape)}. Pass layout NHWC or NCHW.`,
    )
  return first ? 'NCHW' : 'NHWC'
}

/** [N, plane, channels] as [N, channels, plane]. */
function turned(pixels: RawSplit['pixels'], plane: number, channels: number): RawSplit['pixels'] {
  const out = pixels instanceof Uint8Array ? new Uint8Array(pixels.length) : new Float32Array(pixels.length)
  const each = plane * channels
  for (let at = 0; at < pixels.length; at += each)
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < plane; i++) out[at + c * plane + i] = pixels[at + i * channels + c]!
  return out
}
