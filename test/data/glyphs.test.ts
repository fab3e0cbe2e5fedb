import { describe, expect, test } from 'vitest'
import { checkDataset, glyphNames, glyphs } from '../../src/data/index.ts'
import { ValueError } from '../../src/errors.ts'

const PINNED = {
  labels: [7, 1, 4, 5, 9, 2, 6, 0, 3, 8],
  pixels: [0.07203776389360428, -0.8134727478027344, -1.3108595609664917, -0.8794974088668823],
  last: [-0.10498903691768646, -0.5745427012443542],
}
const PIXELS = 28 * 28
const { train, test: held } = glyphs()

describe('the sets', () => {
  test('are 3,000 and 2,000 sound images of ten classes', () => {
    expect(train).toMatchObject({ name: 'glyphs train', shape: [1, 28, 28], classes: 10, size: 3000 })
    expect(held).toMatchObject({ name: 'glyphs test', shape: [1, 28, 28], classes: 10, size: 2000 })
    checkDataset(train)
    checkDataset(held)
    expect(glyphNames.length).toBe(train.classes)
  })

  test('hold each class once in every ten images, in changing order', () => {
    const tens = Array.from({ length: 300 }, (_, i) => train.labels.slice(10 * i, 10 * i + 10))
    for (const ten of tens) expect([...ten.toSorted()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(new Set(tens.map(String)).size).toBe(300)
  })

  test('an image depends on seed, split and index alone', () => {
    const few = glyphs({ train: 13, test: 4, seed: 0 })
    expect(few.train.images).toEqual(train.images.slice(0, 13 * PIXELS))
    expect(few.train.labels).toEqual(train.labels.slice(0, 13))
    expect(few.test.images).toEqual(held.images.slice(0, 4 * PIXELS))
  })

  test('another seed, another split and another index are other images', () => {
    const other = glyphs({ train: 2, test: 2, seed: 1 })
    const firsts = [train, held, other.train, other.test].flatMap(({ images }) => [
      images.slice(0, PIXELS).join(),
      images.slice(PIXELS, 2 * PIXELS).join(),
    ])
    expect(new Set(firsts).size).toBe(8)
  })

  // Pinned: results are quoted for exactly these images.
  test('never change', () => {
    expect([...train.labels.subarray(0, 10)]).toEqual(PINNED.labels)
    expect([...train.images.subarray(400, 404)]).toEqual(PINNED.pixels)
    expect([...held.images.subarray(held.images.length - 2)]).toEqual(PINNED.last)
  })
})

describe('the images', () => {
  test('have about the mean and deviation that they are normalised to, and noise where there is no ink', () => {
    const mean = train.images.reduce((sum, v) => sum + v, 0) / train.images.length
    const deviation = Math.sqrt(
      train.images.reduce((sum, v) => sum + (v - mean) ** 2, 0) / train.images.length,
    )
    expect(Math.abs(mean)).toBeLessThan(0.1)
    expect(Math.abs(deviation - 1)).toBeLessThan(0.1)
    // Corner pixels are mostly empty: their median is -0.2 / 0.35, noise being symmetric.
    const corners = Array.from({ length: train.size }, (_, i) => train.images[i * PIXELS]!).sort(
      (a, b) => a - b,
    )
    expect(Math.abs(corners[1500]! + 0.2 / 0.35)).toBeLessThan(0.05)
  })

  // The mean image of a class averages out noise, clutter and placement: it must be nearest to its own drawing.
  test.each(glyphNames.map((name, label) => [name, label] as const))('of %s look like it', (_, label) => {
    const likeness = DRAWINGS.map((drawing) => correlation(meanImage(label), rasterised(drawing)))
    expect(likeness.indexOf(Math.max(...likeness))).toBe(label)
    expect(likeness[label]!).toBeGreaterThan(0.6)
  })

  test('vary: two images of a class share little', () => {
    const ofClass = (label: number): Float32Array[] =>
      Array.from(train.labels.keys())
        .filter((i) => train.labels[i] === label)
        .slice(0, 20)
        .map((i) => train.images.subarray(i * PIXELS, (i + 1) * PIXELS))
    const [first, ...others] = ofClass(0)
    expect(others.every((image) => correlation(first!, image) < 0.8)).toBe(true)
  })
})

test('5,000 images take under two seconds', () => {
  const start = performance.now()
  glyphs({ seed: 5 })
  expect(performance.now() - start).toBeLessThan(2000)
})

test.each<[object, string]>([
  [{ train: 0 }, 'glyphs: the number of train images must be whole and at least 1, got 0. Use 1000, say.'],
  [{ test: 1.5 }, 'glyphs: the number of test images must be whole and at least 1, got 1.5. Use 1000, say.'],
  [{ seed: 0.5 }, 'Random: the seed must be a whole number, got 0.5. Use one such as 0.'],
])('%j is refused', (options, message) => {
  expect(() => glyphs({ train: 1, test: 1, ...options })).toThrow(new ValueError(message))
})

/** The glyphs as 5 x 5 pictures, drawn here by hand and not from the generator's corners. */
const DRAWINGS = [
  '#####|#...#|#...#|#...#|#####',
  '..#..|..#..|.#.#.|.#.#.|#####',
  '#####|...#.|..#..|.#...|#####',
  '#...#|##..#|#.#.#|#..##|#...#',
  '..#..|..#..|#####|..#..|..#..',
  '#...#|.#.#.|..#..|.#.#.|#...#',
  '#####|..#..|..#..|..#..|..#..',
  '#....|#....|#....|#....|#####',
  '#...#|#...#|#...#|#...#|#####',
  '#####|#....|#####|#....|#####',
]

/** A drawing at the glyphs' average size (0.6 x 0.9 of the image's half width to each side, and the stroke), blurred. */
function rasterised(drawing: string): Float32Array {
  const rows = drawing.split('|')
  return Float32Array.from({ length: PIXELS }, (_, p) => {
    const row = (Math.floor(p / 28) - 13.5) / 3.8 + 2
    const column = ((p % 28) - 13.5) / 3.8 + 2
    let ink = 0
    for (let r = 0; r < 5; r++)
      for (let c = 0; c < 5; c++)
        if (rows[r]![c] === '#') ink += Math.exp(-((row - r) ** 2 + (column - c) ** 2) / 0.5)
    return ink
  })
}

function meanImage(label: number): Float32Array {
  const sum = new Float32Array(PIXELS)
  train.labels.forEach((other, i) => {
    if (other === label) for (let p = 0; p < PIXELS; p++) sum[p]! += train.images[i * PIXELS + p]!
  })
  return sum
}

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (v: Float32Array): number => v.reduce((sum, x) => sum + x, 0) / v.length
  const [ma, mb] = [mean(a), mean(b)]
  const product = (u: Float32Array, mu: number, v: Float32Array, mv: number): number =>
    u.reduce((sum, x, i) => sum + (x - mu) * (v[i]! - mv), 0)
  return product(a, ma, b, mb) / Math.sqrt(product(a, ma, a, ma) * product(b, mb, b, mb))
}
