import { describe, expect, test } from 'vitest'
import { loadNpz, readNpz } from '../../src/data/index.ts'
import { readNpy } from '../../src/data/npy.ts'
import { DataError } from '../../src/errors.ts'
import { bytesOf, npy, npz, scratchFolder } from './files-support.ts'

const scratch = scratchFolder()

const count = (n: number) => Uint8Array.from({ length: n }, (_, i) => i)
const labels = (...classes: number[]) => npy('|u1', [classes.length], Uint8Array.from(classes))

describe('readNpy', () => {
  test.each<[string, Uint8Array, number[]]>([
    ['|u1', Uint8Array.of(1, 255), [1, 255]],
    ['|i1', Uint8Array.of(1, 255), [1, -1]],
    ['<u2', Uint8Array.of(1, 2), [513]],
    ['>u2', Uint8Array.of(1, 2), [258]],
    ['<i4', bytesOf(Int32Array.of(-7, 9)), [-7, 9]],
    ['<i8', bytesOf(BigInt64Array.of(-7n, 9n)), [-7, 9]],
    ['<f4', bytesOf(Float32Array.of(0.5, -2)), [0.5, -2]],
    ['<f8', bytesOf(Float64Array.of(0.1)), [0.1]],
  ])('reads %s', (descr, data, values) => {
    const array = readNpy(npy(descr, [values.length], data), 'a')
    expect(array.shape).toEqual([values.length])
    expect([...array.data]).toEqual(values)
  })

  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'is cut short'],
    ['another format', new Uint8Array(20), 'is not an array of NumPy'],
    ['objects', npy('|O', [1], count(8)), 'must hold whole numbers or floats'],
    ['complex numbers', npy('<c8', [1], count(8)), 'must hold whole numbers or floats'],
    ['Fortran order', npy('|u1', [2, 2], count(4), 'True'), 'must be in C order'],
    ['too few elements', npy('<f4', [3], count(8)), 'must have 140 bytes for <f4 [3], got 136'],
    ['a size that lies', npy('<f8', [1e9, 1e3], count(8)), 'must have 8000000000128 bytes'],
    ['a size beyond counting', npy('|u1', [2 ** 40, 2 ** 40], count(1)), 'claims more elements'],
    ['a cut header', npy('|u1', [1], count(1)).subarray(0, 50), 'is cut short: its header ends at byte 128'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => readNpy(bytes, 'a')).toThrow(DataError)
    expect(() => readNpy(bytes, 'a')).toThrow(`readNpy: a ${message}`)
  })
})

test('a zip file that is none, or that claims too much, is refused', () => {
  expect(() => readNpz(Uint8Array.from([1, 2, 3]), 'file')).toThrow(DataError)
  const bytes = npz({ x: npy('|u1', [1000], new Uint8Array(1000)) })
  // The size before deflation, in the central directory.
  const view = new DataView(bytes.buffer)
  for (let at = 0; at + 4 <= bytes.length; at++)
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0x7fffffff, true)
  expect(() => readNpz(bytes, 'file')).toThrow(
    /^readNpz: entry x.npy of file claims more than its bytes can hold/,
  )
})

test('a zip file that claims billions of entries is refused', () => {
  const whole = npz({ x: npy('|u1', [1], new Uint8Array(1)) })
  // A zip64 directory's end and its locator, put before the end of the file.
  const end = whole.length - 22
  const large = new Uint8Array(56 + 20)
  const view = new DataView(large.buffer)
  view.setUint32(0, 0x06064b50, true)
  view.setUint32(32, 0xffffffff, true)
  // Behind the file, where all reads as 0.
  view.setUint32(48, 0x7fffffff, true)
  view.setUint32(56, 0x07064b50, true)
  view.setUint32(64, end, true)
  const bytes = Uint8Array.from([...whole.subarray(0, end), ...large, ...whole.subarray(end)])
  expect(() => readNpz(bytes, 'file')).toThrow(
    /^readNpz: file claims more entries than its bytes can hold, got /,
  )
})

describe('loadNpz', () => {
  test.each([0, 6] as const)('reads both splits, level %d', (level) => {
    const file = scratch.put(
      'd.npz',
      npz(
        {
          x_train: npy('|u1', [2, 2, 2], count(8)),
          y_train: npy('<i8', [2, 1], bytesOf(BigInt64Array.of(2n, 0n))),
          x_test: npy('|u1', [1, 2, 2], count(4)),
          y_test: labels(1),
        },
        level,
      ),
    )
    const { train, test: held, normalisation } = loadNpz(file)
    expect(train).toMatchObject({ shape: [1, 2, 2], classes: 3, size: 2, labels: Int32Array.of(2, 0) })
    expect(held.size).toBe(1)
    expect(normalisation.mean[0]).toBeCloseTo(3.5 / 255, 12)
    expect(normalisation.deviation[0]).toBeCloseTo(Math.sqrt(5.25) / 255, 12)
    expect(loadNpz(scratch.path)).toEqual(loadNpz(file))
  })

  test('channels come last or first, by the shape or by `layout`', () => {
    const pair = (shape: readonly number[]) => ({
      images: npy('<f4', [4, ...shape], bytesOf(Float32Array.from({ length: 48 }, (_, i) => i))),
      labels: labels(0, 1, 0, 1),
    })
    const normalisation = { mean: [0, 0, 0], deviation: [1, 1, 1] }
    const options = { normalisation, testFraction: 0.5 }
    const last = loadNpz(scratch.put('last.npz', npz(pair([2, 2, 3]))), options).train
    const first = loadNpz(scratch.put('first.npz', npz(pair([3, 2, 2]))), options).train
    expect([last.shape, first.shape]).toEqual([
      [3, 2, 2],
      [3, 2, 2],
    ])
    const at = first.images[0]!
    expect([...first.images.subarray(0, 12)]).toEqual(Array.from({ length: 12 }, (_, i) => at + i))
    expect([...last.images.subarray(0, 4)]).toEqual([at, at + 3, at + 6, at + 9])
    const file = scratch.put('which.npz', npz({ ...pair([1, 4, 3]) }))
    expect(() => loadNpz(file)).toThrow(
      /does not say by its shape where the channels are, got \[4, 1, 4, 3\]/,
    )
    expect(loadNpz(file, { layout: 'NHWC' }).train.shape).toEqual([3, 1, 4])
  })

  test('one split has the same share of each class held out, the same every time', () => {
    const n = 40
    const file = scratch.put(
      'd.npz',
      npz({
        images: npy('|u1', [n, 1, 1], count(n)),
        labels: labels(...Array.from({ length: n }, (_, i) => i % 2)),
      }),
    )
    const { train, test: held } = loadNpz(file, { testFraction: 0.25 })
    expect([train.size, held.size]).toEqual([30, 10])
    expect(held.labels.filter((label) => label === 0).length).toBe(5)
    expect(loadNpz(file, { testFraction: 0.25 }).test).toEqual(held)
    expect(loadNpz(file, { testFraction: 0.25, seed: 1 }).test).not.toEqual(held)
  })

  const images = npy('|u1', [2, 2, 2], count(8))
  test.each<[string, Record<string, Uint8Array>, string]>([
    ['no arrays of these names', { a: images }, 'must hold train_images, .* got a\\.'],
    ['labels for other images', { images, labels: labels(0, 1, 2) }, 'must be \\[N\\] for images'],
    [
      'labels that are no classes',
      { images, labels: npy('<f8', [2], bytesOf(Float64Array.of(0, 0.5))) },
      'the label at sample 1 of labels',
    ],
    ['negative labels', { images, labels: npy('|i1', [2], Uint8Array.of(0, 255)) }, 'got -1'],
    ['huge labels', { images, labels: npy('<i4', [2], bytesOf(Int32Array.of(0, 2e9))) }, 'got 2000000000'],
    ['flat images', { images: npy('|u1', [2, 4], count(8)), labels: labels(0, 0) }, 'must be \\[N, H, W\\]'],
    ['no images', { images: npy('|u1', [0, 2, 2], count(0)), labels: labels() }, 'at least one image'],
    [
      'a pixel that is not finite',
      { images: npy('<f4', [2, 1, 1], bytesOf(Float32Array.of(0, Number.NaN))), labels: labels(0, 0) },
      'a pixel that is not finite at sample',
    ],
    [
      'a test label of no training class',
      { x_train: images, y_train: labels(0, 1), x_test: images, y_test: labels(0, 2) },
      'npz test has a wrong label at sample 1, got 2',
    ],
  ])('refuses %s', (_, arrays, message) => {
    const file = scratch.put('d.npz', npz(arrays))
    const call = () => loadNpz(file, { testFraction: 0.5 })
    expect(call).toThrow(DataError)
    expect(call).toThrow(new RegExp(message))
  })

  test('a missing file and a folder with no or several files are refused', () => {
    expect(() => loadNpz(`${scratch.path}/gone.npz`)).toThrow(
      /^loadNpz: .*gone.npz cannot be read, got ENOENT/,
    )
    expect(() => loadNpz(scratch.path)).toThrow(/must hold one .npz file, got 0/)
  })
})
