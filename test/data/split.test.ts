import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Dataset, splitValidation, withLabelNoise } from '../../src/data/index.ts'
import { ValueError } from '../../src/errors.ts'
import { Random } from '../../src/random.ts'

/** Images of one pixel, which is the sample's index. */
const toy = (labels: readonly number[], classes = 3): Dataset => ({
  name: 'toy',
  images: Float32Array.from(labels.keys()),
  labels: Int32Array.from(labels),
  shape: [1, 1, 1],
  classes,
  size: labels.length,
})
const countOf = ({ labels }: Dataset, label: number) => labels.filter((own) => own === label).length

describe('splitValidation', () => {
  test('cuts a data set in two, the same share of each class, and keeps the order', () => {
    const labels = fc.array(fc.nat(2), { minLength: 4, maxLength: 80 })
    fc.assert(
      fc.property(
        labels,
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.nat(),
        (labels, fraction, seed) => {
          const all = toy(labels)
          const { train, validation } = splitValidation(all, fraction, new Random(seed))
          const indices = [...train.images, ...validation.images]
          expect(indices.toSorted((a, b) => a - b)).toEqual([...all.images])
          for (const part of [train, validation]) {
            expect([...part.images]).toEqual([...part.images].sort((a, b) => a - b))
            expect([...part.labels]).toEqual(Array.from(part.images, (i) => labels[i]))
          }
          for (const label of [0, 1, 2]) {
            const n = countOf(all, label)
            const held = countOf(validation, label)
            expect(held).toBe(n < 2 ? 0 : Math.min(Math.max(Math.round(fraction * n), 1), n - 1))
          }
        },
      ),
    )
  })

  test('is drawn from the stream', () => {
    const all = toy(Array.from({ length: 60 }, (_, i) => i % 3))
    const at = (seed: number) => splitValidation(all, 0.3, new Random(seed)).validation
    expect(at(1)).toEqual(at(1))
    expect(at(1).images).not.toEqual(at(2).images)
    expect(at(1).name).toBe('toy validation')
  })

  test('refuses a share that is none, and classes of one', () => {
    for (const fraction of [0, 1, -1, Number.NaN])
      expect(() => splitValidation(toy([0, 0]), fraction, new Random(0))).toThrow(
        new ValueError(
          `stratify: the share to hold out lies between 0 and 1, got ${fraction}. Use 0.1, say.`,
        ),
      )
    expect(() => splitValidation(toy([0, 1, 2]), 0.5, new Random(0))).toThrow(ValueError)
  })
})

describe('withLabelNoise', () => {
  const all = toy(Array.from({ length: 6000 }, (_, i) => i % 3))

  test('changes about that share of the labels, to every other class alike, and says which', () => {
    const { dataset, changed } = withLabelNoise(all, 0.4, new Random(5))
    expect(changed.length / 6000).toBeGreaterThan(0.37)
    expect(changed.length / 6000).toBeLessThan(0.43)
    const wrong = [...all.labels.keys()].filter((i) => dataset.labels[i] !== all.labels[i])
    expect([...changed]).toEqual(wrong)
    const to = (label: number) =>
      wrong.filter((i) => all.labels[i] === 0 && dataset.labels[i] === label).length
    expect(Math.abs(to(1) - to(2)) / (to(1) + to(2))).toBeLessThan(0.15)
    expect(dataset.images).toBe(all.images)
    expect(all.labels[4]).toBe(1)
  })

  test('a larger share changes the same samples and more', () => {
    const few = withLabelNoise(all, 0.1, new Random(5))
    const many = withLabelNoise(all, 0.4, new Random(5))
    const alike = [...few.changed].filter((i) => few.dataset.labels[i] === many.dataset.labels[i])
    expect(alike).toHaveLength(few.changed.length)
  })

  test('none and all', () => {
    expect(withLabelNoise(all, 0, new Random(0)).dataset).toEqual(all)
    expect(withLabelNoise(all, 1, new Random(0)).changed).toHaveLength(6000)
  })

  test('refuses a share that is none, and a single class', () => {
    expect(() => withLabelNoise(all, 1.5, new Random(0))).toThrow(
      new ValueError('withLabelNoise: a share of labels lies between 0 and 1, got 1.5. Use 0.4, say.'),
    )
    expect(() => withLabelNoise(toy([0, 0], 1), 0.5, new Random(0))).toThrow(ValueError)
  })
})
