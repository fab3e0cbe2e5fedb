import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beta } from '../../src/data/augment-mixup.ts'
import type { Dataset } from '../../src/data/dataset.ts'
import { blackOf, compose, cutout, horizontalFlip, mixup, randomCrop, viewsOf } from '../../src/data/index.ts'
import { ValueError } from '../../src/errors.ts'
import { Random } from '../../src/random.ts'

const shape = [2, 3, 4] as const
const image = Float32Array.from({ length: 24 }, (_, i) => i + 1)
const fill = [-1, -2]
const pixels = (view: { host: unknown }) => Array.from(view.host as Float32Array)

describe('views', () => {
  const data: Dataset = {
    name: 'toy',
    images: Float32Array.from({ length: 240 }, (_, i) => i),
    labels: new Int32Array(10),
    shape,
    classes: 1,
    size: 10,
  }
  const augment = compose(randomCrop({ padding: 2, fill }), horizontalFlip())
  const epoch = (n: number) => new Random(7).fork(n)

  test('are functions of seed, epoch and sample, whoever else is in the batch, and change nothing', () => {
    const before = data.images.slice()
    const batch = viewsOf(data, [3, 8, 1], augment, epoch(1))
    expect(batch.shape).toEqual([3, ...shape])
    expect(pixels(viewsOf(data, [8], augment, epoch(1)))).toEqual(pixels(batch).slice(24, 48))
    expect(pixels(viewsOf(data, [3, 8, 1], augment, epoch(2)))).not.toEqual(pixels(batch))
    expect(data.images).toEqual(before)
  })

  test('black is what 0 became', () => {
    expect(blackOf({ mean: [0.5, 0], deviation: [0.25, 1] })).toEqual([-2, -0])
  })
})

describe('randomCrop', () => {
  test('shifts all channels alike, by every amount as likely, and fills', () => {
    const seen = new Map<string, number>()
    for (let seed = 0; seed < 500; seed++) {
      const view = randomCrop({ padding: [1, 2], fill })(image, shape, new Random(seed))
      // The one shift that explains the view.
      const shifts = [-1, 0, 1].flatMap((dy) => [-2, -1, 0, 1, 2].map((dx) => [dy, dx] as const))
      const fitting = shifts.filter(([dy, dx]) =>
        view.every((v, i) => {
          const [c, y, x] = [Math.floor(i / 12), (Math.floor(i / 4) % 3) + dy, (i % 4) + dx]
          const inside = y >= 0 && y < 3 && x >= 0 && x < 4
          return v === (inside ? image[c * 12 + y * 4 + x] : fill[c])
        }),
      )
      expect(fitting).toHaveLength(1)
      seen.set(String(fitting[0]), (seen.get(String(fitting[0])) ?? 0) + 1)
    }
    expect(seen.size).toBe(15)
    expect(Math.min(...seen.values())).toBeGreaterThan(12)
  })

  test('may shift an image out of sight', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const view = randomCrop({ padding: 9, fill })(image, shape, new Random(seed))
        expect(view).toHaveLength(24)
        expect([...view].every((v, i) => v > 0 || v === fill[Math.floor(i / 12)])).toBe(true)
      }),
    )
  })

  test('refuses half a pixel', () => {
    expect(() => randomCrop({ padding: 0.5 })).toThrow(
      new ValueError(
        'randomCrop: the padding must be a whole number of pixels, got 0.5 and 0.5. Use 4, say.',
      ),
    )
  })
})

describe('horizontalFlip', () => {
  test('mirrors each row, one time in two', () => {
    const flipped = Float32Array.from({ length: 24 }, (_, i) => image[i - (i % 4) + 3 - (i % 4)]!)
    const views = Array.from({ length: 200 }, (_, seed) => horizontalFlip()(image, shape, new Random(seed)))
    const turned = views.filter((view) => view !== image)
    for (const view of turned) expect(view).toEqual(flipped)
    expect(turned.length).toBeGreaterThan(75)
    expect(turned.length).toBeLessThan(125)
    expect(horizontalFlip({ p: 0 })(image, shape, new Random(0))).toBe(image)
  })

  test('refuses what is no probability', () => {
    expect(() => horizontalFlip({ p: 2 })).toThrow(ValueError)
  })
})

describe('cutout', () => {
  test('cuts the same square out of all channels, at most its side', () => {
    const sizes = new Set<number>()
    for (let seed = 0; seed < 100; seed++) {
      const view = cutout({ side: 2, fill })(image, shape, new Random(seed))
      const gone = [...view.keys()].filter((i) => view[i] !== image[i])
      const first = gone.filter((i) => i < 12)
      expect(gone.slice(first.length)).toEqual(first.map((i) => i + 12))
      for (const i of gone) expect(view[i]).toBe(fill[i < 12 ? 0 : 1])
      sizes.add(first.length)
    }
    expect([...sizes].sort()).toEqual([1, 2, 4])
  })

  test('lies inside where it is to', () => {
    for (let seed = 0; seed < 50; seed++) {
      const view = cutout({ side: 2, fill, inside: true })(image, shape, new Random(seed))
      expect(view.filter((v) => v < 0)).toHaveLength(8)
    }
  })
})

describe('mixup', () => {
  const data = { labels: Int32Array.of(0, 1, 2, 0), classes: 3, shape: [1, 1, 2] as const }
  const views = Float32Array.of(0, 1, 10, 11, 20, 21)

  test('mixes images and labels alike', () => {
    const { images, targets, lambda, partners } = mixup(data, [3, 1, 2], views, {}, new Random(4))
    const labels = [0, 1, 2]
    expect(partners.toSorted()).toEqual(Int32Array.of(0, 1, 2))
    expect([images.shape, targets.shape]).toEqual([
      [3, 1, 1, 2],
      [3, 3],
    ])
    const mixed = pixels(images)
    const probabilities = pixels(targets)
    for (let i = 0; i < 3; i++) {
      const other = partners[i]!
      for (const p of [0, 1])
        expect(mixed[2 * i + p]).toBeCloseTo(
          lambda * views[2 * i + p]! + (1 - lambda) * views[2 * other + p]!,
          5,
        )
      const row = probabilities.slice(3 * i, 3 * i + 3)
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6)
      expect(row[labels[i]!]).toBeCloseTo(other === i ? 1 : lambda, 6)
    }
  })

  test('its share is of Beta(alpha, alpha), for tiny and large alpha too', () => {
    for (const alpha of [0.001, 0.2, 1, 5, 1000]) {
      const random = new Random(1)
      const draws = Array.from({ length: 4000 }, () => beta(alpha, random))
      expect(draws.every((l) => l >= 0 && l <= 1)).toBe(true)
      const mean = draws.reduce((a, b) => a + b) / 4000
      const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / 4000
      const expected = 1 / (4 * (2 * alpha + 1))
      expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(expected / 4000))
      expect(variance / expected).toBeGreaterThan(0.9)
      expect(variance / expected).toBeLessThan(1.1)
    }
  })

  test('refuses pixels of another batch and an alpha that is none', () => {
    expect(() => mixup(data, [0], views, {}, new Random(0))).toThrow(ValueError)
    for (const alpha of [0, -1, Number.NaN])
      expect(() => mixup(data, [0, 1, 2], views, { alpha }, new Random(0))).toThrow(
        new ValueError(`mixup: alpha must be positive, got ${alpha}. Use 0.2 or 1, say.`),
      )
  })
})
