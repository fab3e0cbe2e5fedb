import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { balancedSubset, batches, checkDataset, type Dataset, subset } from '../../src/data/index.ts'
import { DataError, ValueError } from '../../src/errors.ts'
import { Random } from '../../src/random.ts'

/** Images of two pixels, [2i, 2i + 1] for sample i. */
function dataset(labels: readonly number[], classes = 3): Dataset {
  return {
    name: 'toy',
    images: Float32Array.from({ length: 2 * labels.length }, (_, p) => p),
    labels: Int32Array.from(labels),
    shape: [1, 1, 2],
    classes,
    size: labels.length,
  }
}

/** Which samples of `dataset(...)` these are. */
const samples = ({ images, size }: Dataset): number[] =>
  Array.from({ length: size }, (_, i) => images[2 * i]! / 2)

const labelled = fc.array(fc.nat(2), { minLength: 1, maxLength: 60 })

describe('subset', () => {
  test('copies the images and labels asked for, in that order', () => {
    const all = dataset([0, 1, 2])
    const some = subset(all, [2, 0, 2])
    expect(some).toEqual({
      ...all,
      origin: Int32Array.of(2, 0, 2),
      images: new Float32Array([4, 5, 0, 1, 4, 5]),
      labels: new Int32Array([2, 0, 2]),
    })
    some.images[0] = 9
    expect(all.images[4]).toBe(4)
  })

  test.each([3, -1, 0.5, Number.NaN])('refuses index %d', (index) => {
    expect(() => subset(dataset([0, 1, 2]), [0, index])).toThrow(
      new ValueError(`subset: index 1 is not a sample of toy, got ${index}. Use whole numbers from 0 to 2.`),
    )
  })
})

describe('balancedSubset', () => {
  test('takes equally many of each class, the remainder from the first, each sample once', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 30 }), (seed, count) => {
        const all = dataset(Array.from({ length: 45 }, (_, i) => (i * 7) % 3))
        const some = balancedSubset(all, count, new Random(seed))
        const counts = [0, 1, 2].map((c) => some.labels.filter((label) => label === c).length)
        expect(counts).toEqual([0, 1, 2].map((c) => Math.floor((count + 2 - c) / 3)))
        const chosen = samples(some)
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b))
        expect([...some.labels]).toEqual(chosen.map((i) => all.labels[i]))
      }),
    )
  })

  test('every call is a new draw, and every sample can be drawn', () => {
    const all = dataset([0, 0, 0, 1, 1, 1, 2, 2, 2])
    const random = new Random(0)
    const draws = Array.from({ length: 60 }, () => samples(balancedSubset(all, 3, random)))
    expect(new Set(draws.map(String)).size).toBeGreaterThan(15)
    expect(new Set(draws.flat()).size).toBe(9)
  })

  test('refuses more than a class has, and counts that are none', () => {
    expect(() => balancedSubset(dataset([0, 0, 0, 0, 1, 2, 2]), 6, new Random(0))).toThrow(
      new DataError(
        'balancedSubset: class 1 of toy needs 2 samples for a balanced 6, got 1. Ask for fewer samples.',
      ),
    )
    expect(() => balancedSubset(dataset([0, 1]), 3, new Random(0))).toThrow(
      new ValueError('balancedSubset: toy has 2 samples, got a count of 3. Use 1 to 2.'),
    )
  })
})

describe('batches', () => {
  test('cut every index into full batches and one last, each index once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (n, batchSize, seed) => {
          const epoch = batches(n, batchSize, new Random(seed))
          expect(epoch.flatMap((batch) => [...batch]).sort((a, b) => a - b)).toEqual(
            Array.from({ length: n }, (_, i) => i),
          )
          expect(epoch.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true)
          expect(epoch.at(-1)!.length).toBe(n % batchSize || batchSize)
        },
      ),
    )
  })

  test('shuffle the indices given, repeats included', () => {
    fc.assert(
      fc.property(labelled, fc.nat(), (indices, seed) => {
        const epoch = batches(indices, 7, new Random(seed))
        expect(epoch.flatMap((batch) => [...batch]).sort()).toEqual(indices.toSorted())
      }),
    )
  })

  test('each epoch is another order, and the same seed the same order', () => {
    const random = new Random(1)
    const first = batches(100, 100, random)
    expect(batches(100, 100, random)).not.toEqual(first)
    expect(batches(100, 100, new Random(1))).toEqual(first)
  })

  test('refuse no samples and no batch size', () => {
    expect(() => batches([], 8, new Random(0))).toThrow(
      new ValueError('batches: there must be at least one sample, got 0. Check the data set.'),
    )
    expect(() => batches(8, 0, new Random(0))).toThrow(
      new ValueError('batches: the batch size must be a whole number of at least 1, got 0. Use 32, say.'),
    )
  })
})

describe('checkDataset', () => {
  test('accepts a sound data set', () => {
    fc.assert(fc.property(labelled, (labels) => checkDataset(dataset(labels))))
  })

  const sound = dataset([0, 1, 2])
  test.each<[string, Partial<Dataset>, string]>([
    ['no samples', { size: 0 }, 'must hold at least one sample, got 0. Check its source.'],
    ['no classes', { classes: 0 }, 'must have at least one class, got 0. Set classes to their number.'],
    [
      'a flat image',
      { shape: [1, 0, 2] },
      'must have images of [channels, height, width], got [1, 0, 2]. Set shape to three whole numbers.',
    ],
    [
      'missing pixels',
      { images: new Float32Array(5) },
      'needs 6 pixels for 3 samples of [1, 1, 2], got 5. Check its source.',
    ],
    ['missing labels', { labels: new Int32Array(2) }, 'needs 3 labels, got 2. Check its source.'],
    [
      'a label out of range',
      { labels: new Int32Array([0, 3, -1]) },
      'has a wrong label at sample 1, got 3. Labels are whole numbers from 0 to 2.',
    ],
    [
      'a negative label',
      { labels: new Int32Array([0, 0, -1]) },
      'has a wrong label at sample 2, got -1. Labels are whole numbers from 0 to 2.',
    ],
    [
      'a label that is not whole',
      { labels: [0, 0.5, 1] as unknown as Int32Array },
      'has a wrong label at sample 1, got 0.5. Labels are whole numbers from 0 to 2.',
    ],
    [
      'a NaN',
      { images: new Float32Array([0, 1, 2, Number.NaN, Number.NaN, 0]) },
      'has a pixel that is not finite at sample 1, got NaN. Clean or drop the sample.',
    ],
    [
      'an infinite pixel',
      { images: new Float32Array([0, 1, 2, 3, 4, Number.NEGATIVE_INFINITY]) },
      'has a pixel that is not finite at sample 2, got -Infinity. Clean or drop the sample.',
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => checkDataset({ ...sound, ...change })).toThrow(new DataError(`checkDataset: toy ${message}`))
  })
})
