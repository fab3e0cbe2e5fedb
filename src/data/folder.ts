import { DataError } from '../errors.ts'
import type { Normalisation } from './dataset.ts'
import { decodeImage } from './decode-image.ts'
import { expectFolder, findIn, isFolder, nameOf, pathsIn, readBytes } from './files.ts'
import type { Image } from './image.ts'
import { type HoldOut, heldOut, type LoadedData, loaded } from './loaded.ts'
import type { RawSplit } from './normalise.ts'

export interface FolderOptions extends HoldOut {
  /** Computed from the training images by default. */
  readonly normalisation?: Normalisation
}

const WHO = 'loadFolder'
const IS_IMAGE = /\.(png|jpe?g)$/i

/**
 * A data set from a folder of PNG and JPEG files: `train/<class>/*` and `test/<class>/*`, or `<class>/*`, of which a share
 * of each class is held out as the test set. Classes are the folders of the training set in the order of their names. All
 * images have one size; where some are grey and some are not, all count as RGB.
 * Throws DataError if a folder is missing or empty, if an image cannot be decoded or has another size (it is named), or if the
 * test set has a class of its own.
 */
export function loadFolder(folder: string, options: FolderOptions = {}): LoadedData {
  expectFolder(WHO, folder, 'train and test, or a folder per class')
  const trainFolder = findIn(folder, ['train'])
  const testFolder = findIn(folder, ['test'])
  if ((trainFolder === undefined) !== (testFolder === undefined))
    throw new DataError(
      `${WHO}: ${folder} must hold both train and test, got only ${nameOf(trainFolder ?? testFolder!)}. Add the other, or pass the folder of the classes to have a test set held out.`,
    )
  const classNames = classesIn(trainFolder ?? folder)
  const about = { who: WHO, name: nameOf(folder), classes: classNames.length, classNames }
  if (trainFolder === undefined || testFolder === undefined)
    return loaded(
      { ...about, ...heldOut(rawOf([imagesOf(folder, classNames)])[0]!, classNames.length, options) },
      options.normalisation,
    )
  const unknown = classesIn(testFolder).find((name) => !classNames.includes(name))
  if (unknown !== undefined)
    throw new DataError(
      `${WHO}: ${testFolder} must have classes of ${trainFolder} alone, got ${unknown}. Add it to both, or to none.`,
    )
  const [train, test] = rawOf([imagesOf(trainFolder, classNames), imagesOf(testFolder, classNames)])
  return loaded({ ...about, train: train!, test: test! }, options.normalisation)
}

/** One image with where it came from. */
interface Labelled {
  readonly path: string
  readonly label: number
  readonly image: Image
}

function classesIn(folder: string): string[] {
  const names = pathsIn(WHO, folder)
    .filter((path) => isFolder(WHO, path))
    .map(nameOf)
  if (names.length === 0)
    throw new DataError(`${WHO}: ${folder} must hold a folder per class, got none. Sort the images by class.`)
  return names
}

function imagesOf(folder: string, classNames: readonly string[]): Labelled[] {
  const images = classNames.flatMap((name, label) => {
    const own = findIn(folder, [name])
    const paths = own === undefined ? [] : pathsIn(WHO, own).filter((path) => IS_IMAGE.test(path))
    if (own !== undefined && paths.length === 0)
      throw new DataError(`${WHO}: ${own} must hold PNG or JPEG files, got none. Add some, or remove it.`)
    return paths.map((path) => ({ path, label, image: decodeImage(readBytes(WHO, path), path) }))
  })
  return images
}

/** The splits with all images of one size and as many channels as the one with the most has. */
function rawOf(splits: readonly Labelled[][]): RawSplit[] {
  const all = splits.flat()
  const { width, height } = all[0]!.image
  const channels = all.some(({ image }) => image.channels === 3) ? 3 : 1
  const plane = width * height
  const different = all.find(({ image }) => image.width !== width || image.height !== height)
  if (different)
    throw new DataError(
      `${WHO}: all images must have one size, got ${width} x ${height} in ${all[0]!.path} and ${different.image.width} x ${different.image.height} in ${different.path}. Resize them first.`,
    )
  return splits.map((images) => {
    const pixels = new Uint8Array(images.length * channels * plane)
    images.forEach(({ image }, i) => {
      for (let c = 0; c < channels; c++) {
        const from = image.channels === 1 ? 0 : c * plane
        pixels.set(image.pixels.subarray(from, from + plane), (i * channels + c) * plane)
      }
    })
    return { pixels, labels: Int32Array.from(images, ({ label }) => label), shape: [channels, height, width] }
  })
}
