import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../src/data/dataset.ts'
import {
  type Augmentation,
  compose,
  glyphs,
  horizontalFlip,
  randAugment,
  viewsOf,
} from '../../src/data/index.ts'
import { partnersOf, secondView } from '../../src/data/views.ts'
import { Random } from '../../src/random.ts'

const { train } = glyphs({ train: 30, test: 1 })
const epoch = (n: number) => new Random(7).fork(n)
const pixels = (view: { host: unknown }) => Array.from(view.host as Float32Array)

const viewOf = (augment: Augmentation, n: number, data: Dataset = train) =>
  pixels(viewsOf(data, [n], augment, epoch(1)))
const image = train.images.subarray(4 * 784, 5 * 784)
/** Without what RandAugment must know of them. */
const { normalisation: _, ...unknown } = train
const flip = horizontalFlip({ p: 1 })
const flipped = viewOf(flip, 4)

describe('second views', () => {
  /** Whether a view is the image `from` shifted by up to four, with a square of seven cut out. */
  const shiftedAndCut = (view: readonly number[], from: ArrayLike<number>) => {
    const empty = Array.from(from).reduce((a, b) => Math.min(a, b))
    const shifts = Array.from({ length: 9 }, (_, k) => k - 4)
    const same = (dy: number, dx: number) =>
      view.every((value, i) => {
        const [y, x] = [Math.floor(i / 28) + dy, (i % 28) + dx]
        const inside = y >= 0 && y < 28 && x >= 0 && x < 28
        return value === empty || (inside && value === from[y * 28 + x])
      })
    return (
      shifts.some((dy) => shifts.some((dx) => same(dy, dx))) &&
      view.filter((value) => value === empty).length >= 7 * 7
    )
  }

  test('are shifted, with a square cut out, where nothing is augmented', () =>
    expect(shiftedAndCut(viewOf(secondView(train, undefined, false), 4), image)).toBe(true))

  test('are the augmentation drawn anew, where there is one', () =>
    expect(secondView(train, flip, false)).toBe(flip))

  test('have RandAugment behind it, where they are to be strong', () => {
    const rand = randAugment({ normalisation: train.normalisation!, count: 2, magnitude: 10 })
    expect(viewOf(secondView(train, undefined, true), 4)).toEqual(viewOf(rand, 4))
    expect(viewOf(secondView(train, flip, true), 4)).toEqual(viewOf(compose(flip, rand), 4))
    expect(viewOf(rand, 4)).not.toEqual(Array.from(image))
  })

  test('are shifted and cut instead, where the bytes are not known', () => {
    expect(shiftedAndCut(viewOf(secondView(unknown, undefined, true), 4), image)).toBe(true)
    expect(shiftedAndCut(viewOf(secondView(unknown, flip, true), 4), flipped)).toBe(true)
  })

  test('of narrow images are possible', () => {
    const narrow: Dataset = { ...unknown, images: new Float32Array(30 * 28 * 6), shape: [1, 28, 6] }
    expect(viewOf(secondView(narrow, undefined, true), 0, narrow)).toHaveLength(28 * 6)
  })
})

describe('partners', () => {
  test('are other samples of the same class', () => {
    const indices = Array.from({ length: 30 }, (_, i) => i)
    const partners = partnersOf(train, indices, new Random(1))
    for (const i of indices) {
      const members = train.labels.filter((label) => label === train.labels[i]).length
      expect(train.labels[partners[i]!]).toBe(train.labels[i])
      if (members > 1) expect(partners[i]).not.toBe(i)
    }
  })

  test('are the sample itself where its class has no other', () => {
    const lonely: Dataset = { ...train, labels: Int32Array.from({ length: 30 }, (_, i) => (i === 3 ? 0 : 1)) }
    expect(Array.from(partnersOf(lonely, [3], new Random(1)))).toEqual([3])
  })
})
