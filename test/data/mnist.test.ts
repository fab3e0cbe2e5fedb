import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadMnist } from '../../src/data/index.ts'
import { DataError } from '../../src/errors.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kdgrad-mnist-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const dims = (shape: readonly number[]): number[] => shape.flatMap((n) => [0, 0, n >>> 8, n & 255])
const idx = (shape: readonly number[], data: readonly number[]): Uint8Array =>
  Uint8Array.from([0, 0, 8, shape.length, ...dims(shape), ...data])
const images = (count: number, side = 2): Uint8Array =>
  idx(
    [count, side, side],
    Array.from({ length: count * side * side }, (_, i) => (i * 51) % 256),
  )
const labels = (...classes: number[]): Uint8Array => idx([classes.length], classes)

const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(folder, name), bytes)

/** Three training and two test images of 2 x 2, with `changes` made. */
function putFour(changes: Readonly<Record<string, Uint8Array>> = {}): void {
  const files = {
    'train-images-idx3-ubyte': images(3),
    'train-labels-idx1-ubyte': labels(7, 0, 9),
    't10k-images-idx3-ubyte': images(2),
    't10k-labels-idx1-ubyte': labels(1, 2),
    ...changes,
  }
  for (const [name, bytes] of Object.entries(files)) put(name, bytes)
}

const expectRefusal = (message: string): void =>
  expect(() => loadMnist(folder)).toThrow(new DataError(`loadMnist: ${message}`))

test('reads the four files and normalises the pixels', () => {
  putFour()
  const { train, test: held } = loadMnist(folder)
  expect(train).toMatchObject({ name: 'mnist train', shape: [1, 2, 2], classes: 10, size: 3 })
  expect([...train.labels]).toEqual([7, 0, 9])
  expect([...train.images.subarray(0, 6)]).toEqual(
    [0, 51, 102, 153, 204, 255].map((v) => Math.fround((v / 255 - 0.1307) / 0.3081)),
  )
  expect(held).toMatchObject({ name: 'mnist test', shape: [1, 2, 2], classes: 10, size: 2 })
  expect([...held.labels]).toEqual([1, 2])
})

test('finds packed files and the dotted spelling, and unpacks by content, not by name', () => {
  put('train-images.idx3-ubyte', images(3))
  put('train-labels-idx1-ubyte.gz', gzipSync(labels(7, 0, 9)))
  put('t10k-images.idx3-ubyte.gz', gzipSync(images(2)))
  // As a browser leaves it that unpacks what it downloads.
  put('t10k-labels-idx1-ubyte.gz', labels(1, 2))
  const spelt = loadMnist(folder)
  putFour()
  expect(spelt).toEqual(loadMnist(folder))
})

test('a missing folder and a file in its place are refused', () => {
  const gone = join(folder, 'gone')
  expect(() => loadMnist(gone)).toThrow(
    new DataError(`loadMnist: there is no such folder, got ${gone}. Pass the one with the four IDX files.`),
  )
  put('file', labels(1))
  const file = join(folder, 'file')
  expect(() => loadMnist(file)).toThrow(
    new DataError(`loadMnist: this is not a folder, got ${file}. Pass the one with the four IDX files.`),
  )
})

test('missing files are listed together, by every name looked for', () => {
  put('train-images-idx3-ubyte', images(3))
  put('t10k-labels-idx1-ubyte', labels(1))
  expectRefusal(
    `${folder} lacks 2 of the four files, got no train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz or train-labels.idx1-ubyte or train-labels.idx1-ubyte.gz; no t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz or t10k-images.idx3-ubyte or t10k-images.idx3-ubyte.gz. Download them into it.`,
  )
})

test('damaged gzip files are refused', () => {
  const packed = gzipSync(images(3))
  putFour({ 'train-images-idx3-ubyte': packed.subarray(0, packed.length - 12) })
  const path = join(folder, 'train-images-idx3-ubyte')
  expectRefusal(`${path} is a damaged gzip file, got unexpected end of file. Download it again.`)
  putFour({ 'train-images-idx3-ubyte': Uint8Array.from([0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) })
  expect(() => loadMnist(folder)).toThrow(DataError)
})

test('a damaged IDX file is refused by its path', () => {
  putFour({ 'train-labels-idx1-ubyte': labels(7, 0, 9).subarray(0, 10) })
  expect(() => loadMnist(folder)).toThrow(
    new DataError(
      `readIdx: ${join(folder, 'train-labels-idx1-ubyte')} is cut short: [3] takes 11 bytes, got 10. Download it again.`,
    ),
  )
})

test('a folder in place of a file is refused', () => {
  putFour()
  rmSync(join(folder, 't10k-images-idx3-ubyte'))
  mkdirSync(join(folder, 't10k-images-idx3-ubyte'))
  expectRefusal(
    `${join(folder, 't10k-images-idx3-ubyte')} cannot be read, got EISDIR: illegal operation on a directory, read. Check the file and its permissions.`,
  )
})

test('images and labels that differ in number are refused', () => {
  putFour({ 'train-labels-idx1-ubyte': labels(7, 0) })
  expectRefusal(
    `every image needs one label, got 3 images in ${join(folder, 'train-images-idx3-ubyte')} and 2 labels in ${join(folder, 'train-labels-idx1-ubyte')}. Check that both are of one data set.`,
  )
})

test('labels above 9 are refused', () => {
  putFour({ 't10k-labels-idx1-ubyte': labels(1, 10) })
  expectRefusal(
    `the label at sample 1 of ${join(folder, 't10k-labels-idx1-ubyte')} is above 9, got 10. Check that it is a file of labels.`,
  )
})

test('images and labels the wrong way round are refused', () => {
  putFour({ 'train-images-idx3-ubyte': labels(1, 2, 3) })
  expectRefusal(
    `${join(folder, 'train-images-idx3-ubyte')} must hold [images, height, width], got [3]. Check that it is the right file.`,
  )
  putFour({ 'train-labels-idx1-ubyte': images(3) })
  expectRefusal(
    `${join(folder, 'train-labels-idx1-ubyte')} must hold [images], got [3, 2, 2]. Check that it is the right file.`,
  )
})

test('test images of another size than the training images are refused', () => {
  putFour({ 't10k-images-idx3-ubyte': images(2, 3) })
  expectRefusal(
    'training and test images must have one size, got [1, 2, 2] and [1, 3, 3]. Check that all files are of one data set.',
  )
})

test('files without images are refused', () => {
  putFour({ 't10k-images-idx3-ubyte': images(0), 't10k-labels-idx1-ubyte': labels() })
  expect(() => loadMnist(folder)).toThrow(
    new DataError('checkDataset: mnist test must hold at least one sample, got 0. Check its source.'),
  )
})
