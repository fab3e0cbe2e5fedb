import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../src/data/dataset.ts'
import { glyphs } from '../../src/data/index.ts'
import { partnersOf, strongViews } from '../../src/data/views.ts'
import { Random } from '../../src/random.ts'

const { train } = glyphs({ train: 30, test: 1 })
const epoch = (n: number) => new Random(7).fork(n)
const pixels = (view: { host: unknown }) => Array.from(view.host as Float32Array)

describe('strong views', () => {
  test('are a function of sample and epoch, whoever else is in the batch', () => {
    const alone = pixels(strongViews(train, [4], epoch(1)))
    const among = pixels(strongViews(train, [9, 4, 2], epoch(1)))
    expect(among.slice(784, 2 * 784)).toEqual(alone)
    expect(pixels(strongViews(train, [4], epoch(2)))).not.toEqual(alone)
  })

  test('are the image shifted, with a square cut out', () => {
    const image = train.images.subarray(4 * 784, 5 * 784)
    const empty = image.reduce((a, b) => Math.min(a, b))
    const view = pixels(strongViews(train, [4], epoch(1)))
    const shifts = Array.from({ length: 9 }, (_, k) => k - 4)
    const same = (dy: number, dx: number) =>
      view.every((value, i) => {
        const [y, x] = [Math.floor(i / 28) + dy, (i % 28) + dx]
        const inside = y >= 0 && y < 28 && x >= 0 && x < 28
        return value === empty || (inside && value === image[y * 28 + x])
      })
    expect(shifts.some((dy) => shifts.some((dx) => same(dy, dx)))).toBe(true)
    expect(view.filter((value) => value === empty).length).toBeGreaterThanOrEqual(7 * 7)
  })
})

test('strong views of narrow images are possible', () => {
  const narrow: Dataset = { ...train, images: new Float32Array(30 * 28 * 6), shape: [1, 28, 6] }
  expect(strongViews(narrow, [0, 1], epoch(1)).shape).toEqual([2, 1, 28, 6])
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
