import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { cifar10Form, cifar100Form } from '../../src/data/cifar.ts'
import { loadCifar10, loadCifar100, readCifar } from '../../src/data/index.ts'
import { DataError } from '../../src/errors.ts'
import { cifar, scratchFolder } from './files-support.ts'

const scratch = scratchFolder()

describe('readCifar', () => {
  test('gives labels and pixels of any whole number of records', () => {
    const { pixels, labels, shape } = readCifar(cifar([[3], [9]]), 'file', cifar10Form)
    expect(shape).toEqual([3, 32, 32])
    expect([...labels]).toEqual([3, 9])
    expect(pixels[0]).toBe(0)
    expect(pixels[3072]).toBe(1)
    expect(pixels.length).toBe(2 * 3072)
  })

  test('takes the fine or the coarse label of CIFAR-100', () => {
    const bytes = cifar([
      [4, 99],
      [19, 0],
    ])
    expect([...readCifar(bytes, 'file', cifar100Form('fine')).labels]).toEqual([99, 0])
    expect([...readCifar(bytes, 'file', cifar100Form('coarse')).labels]).toEqual([4, 19])
  })

  test.each([
    ['nothing', cifar([]), 'got 0 bytes'],
    ['a cut file', cifar([[1], [2]]).subarray(0, 4000), 'got 4000 bytes'],
  ])('refuses %s', (_, bytes, got) => {
    expect(() => readCifar(bytes, 'file', cifar10Form)).toThrow(
      new DataError(
        `readCifar: file must hold a whole number of records of 3073 bytes, ${got}. Download it again, or check that it is the right file.`,
      ),
    )
  })

  test('refuses labels out of range, of either kind', () => {
    expect(() => readCifar(cifar([[1], [10]]), 'file', cifar10Form)).toThrow(
      new DataError(
        'readCifar: the label at sample 1 of file is above 9, got 10. Check that it is the right file.',
      ),
    )
    expect(() => readCifar(cifar([[20, 1]]), 'file', cifar100Form('fine'))).toThrow(DataError)
    expect(() => readCifar(cifar([[1, 100]]), 'file', cifar100Form('coarse'))).toThrow(DataError)
  })
})

describe('loadCifar10', () => {
  test('joins the batches that are there, in order, plain or packed, and normalises per channel', () => {
    scratch.put('data_batch_2.bin', cifar([[5]]))
    scratch.put('data_batch_1.bin.gz', gzipSync(cifar([[3], [4]])))
    scratch.put('test_batch.bin', cifar([[0]]))
    const { train, test: held, normalisation } = loadCifar10(scratch.path)
    expect(train).toMatchObject({ name: 'cifar10 train', shape: [3, 32, 32], classes: 10, size: 3 })
    expect([...train.labels]).toEqual([3, 4, 5])
    expect([...held.labels]).toEqual([0])
    expect(normalisation).toEqual({ mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.2435, 0.2616] })
    expect(train.normalisation).toEqual(normalisation)
    // Pixel 0 of the second image is 1; its green plane begins at position 1,024, which is 1 again.
    expect(train.images[3072]).toBe(Math.fround((1 / 255 - 0.4914) / 0.247))
    expect(train.images[3072 + 1024]).toBe(Math.fround((1 / 255 - 0.4822) / 0.2435))
  })

  test('finds what the official archive unpacks to', () => {
    scratch.put('cifar-10-batches-bin/data_batch_1.bin', cifar([[3]]))
    scratch.put('cifar-10-batches-bin/test_batch.bin', cifar([[0]]))
    expect(loadCifar10(scratch.path).train.size).toBe(1)
  })

  test('says which file is missing', () => {
    scratch.put('data_batch_1.bin', cifar([[3]]))
    expect(() => loadCifar10(scratch.path)).toThrow(
      new DataError(
        `loadCifar10: ${scratch.path} must hold data_batch_1.bin and test_batch.bin, plain or with .gz, got no test_batch.bin. Download them into it.`,
      ),
    )
    expect(() => loadCifar10(`${scratch.path}/gone`)).toThrow(/^loadCifar10: there is no such folder, got /)
  })
})

test('loadCifar100 reads train.bin and test.bin with fine or coarse labels', () => {
  scratch.put('train.bin', cifar([[4, 99]]))
  scratch.put('test.bin', cifar([[5, 7]]))
  expect(loadCifar100(scratch.path).train).toMatchObject({ classes: 100, labels: Int32Array.of(99) })
  expect(loadCifar100(scratch.path, { labels: 'coarse' }).test).toMatchObject({
    classes: 20,
    labels: Int32Array.of(5),
  })
})
