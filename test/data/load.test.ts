import { describe, expect, test } from 'vitest'
import { datasetNames, glyphs, loadDataset } from '../../src/data/index.ts'
import { ValueError } from '../../src/errors.ts'
import { cifar, png, scratchFolder } from './files-support.ts'

const scratch = scratchFolder()

describe('loadDataset', () => {
  test('gives the glyphs without files', () => {
    const { train, test: held, normalisation } = loadDataset('glyphs', { trainImages: 3, testImages: 2 })
    expect({ train, test: held }).toEqual(glyphs({ train: 3, test: 2 }))
    expect(normalisation).toEqual({ mean: [0.2], deviation: [0.35] })
  })

  test('hands its options on', () => {
    scratch.put('train.bin', cifar([[4, 99]]))
    scratch.put('test.bin', cifar([[5, 7]]))
    const normalisation = { mean: [0, 0, 0], deviation: [1, 1, 1] }
    const { train, normalisation: used } = loadDataset('cifar100', {
      folder: scratch.path,
      labels: 'coarse',
      normalisation,
    })
    expect([train.labels[0], train.images[51]]).toEqual([4, Math.fround(0.2)])
    expect(used).toEqual(normalisation)
  })

  test('Fashion-MNIST has its own mean and deviation', () => {
    for (const stem of ['train', 't10k']) {
      scratch.put(
        `${stem}-images-idx3-ubyte`,
        Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 51),
      )
      scratch.put(`${stem}-labels-idx1-ubyte`, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 4))
    }
    const { train, normalisation } = loadDataset('fashion-mnist', { folder: scratch.path })
    expect(normalisation).toEqual({ mean: [0.286], deviation: [0.353] })
    expect(train).toMatchObject({ name: 'fashion-mnist train', normalisation })
    expect(train.images[0]).toBe(Math.fround((0.2 - 0.286) / 0.353))
  })

  test.each<[string, object, string]>([
    ['cifar', {}, `there is no data set of this name, got cifar. Choose from ${datasetNames.join(', ')}.`],
    [
      'toString',
      {},
      `there is no data set of this name, got toString. Choose from ${datasetNames.join(', ')}.`,
    ],
    ['mnist', {}, 'mnist is read from files, got no folder. Pass the folder that they are in.'],
    ['glyphs', { folder: 'x' }, 'glyphs is built in, got folder x. Drop it.'],
    [
      'cifar10',
      { folder: 'x', labels: 'coarse' },
      'cifar10 has no such option, got labels coarse. It takes folder, normalisation.',
    ],
  ])('refuses %s %j', (name, options, message) => {
    expect(() => loadDataset(name, options)).toThrow(new ValueError(`loadDataset: ${message}`))
  })

  test('refuses a normalisation of other channels', () => {
    scratch.put('a/1.png', png(2, 2, 1))
    scratch.put('a/2.png', png(2, 2, 1))
    const normalisation = { mean: [0, 0, 0], deviation: [1, 1, 1] }
    expect(() => loadDataset('folder', { folder: scratch.path, normalisation })).toThrow(
      /^loadFolder: a normalisation has a finite mean and a positive deviation for each of 1 channels, got/,
    )
  })
})
