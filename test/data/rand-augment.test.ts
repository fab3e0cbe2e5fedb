import { describe, expect, test } from 'vitest'
import { randAugment, randAugmentOps } from '../../src/data/index.ts'
import * as ops from '../../src/data/pixel-ops.ts'
import { ValueError } from '../../src/errors.ts'
import { Random } from '../../src/random.ts'

const bytes = (...values: number[]) => Uint8ClampedArray.from(values)
const row = [1, 1, 4] as const
const square = [1, 3, 3] as const
const nine = bytes(1, 2, 3, 4, 5, 6, 7, 8, 9)

describe('operations on bytes', () => {
  // The values are Pillow's, but that ours round where Pillow cuts off.
  test.each<[string, Uint8ClampedArray, number[]]>([
    ['brightness', ops.brightness(bytes(0, 100, 200, 255), row, 0.5), [0, 150, 255, 255]],
    ['contrast', ops.contrast(bytes(0, 100, 200, 100), row, -0.5), [50, 100, 150, 100]],
    ['invert', ops.invert(bytes(0, 1, 200, 255), row, 0), [255, 254, 55, 0]],
    ['posterize', ops.posterize(bytes(0, 15, 16, 255), row, 4), [0, 0, 16, 240]],
    ['posterize by nothing', ops.posterize(bytes(0, 15, 16, 255), row, 0), [0, 15, 16, 255]],
    ['solarize', ops.solarize(bytes(0, 127, 128, 255), row, 127), [0, 127, 127, 0]],
    ['autoContrast', ops.autoContrast(bytes(10, 20, 30, 60), row, 0), [0, 51, 102, 255]],
    ['autoContrast of one value', ops.autoContrast(bytes(9, 9, 9, 9), row, 0), [9, 9, 9, 9]],
    ['equalize of few pixels', ops.equalize(bytes(1, 2, 3, 4), row, 0), [1, 2, 3, 4]],
    ['translateX', ops.translateX(bytes(1, 2, 3, 4), row, 0.25), [2, 3, 4, 0]],
    ['translateY', ops.translateY(nine, square, -1 / 3), [0, 0, 0, 1, 2, 3, 4, 5, 6]],
    ['shearX', ops.shearX(nine, square, 0.5), [1, 2, 3, 5, 6, 0, 8, 9, 0]],
    ['shearY', ops.shearY(nine, square, 0.5), [1, 5, 6, 4, 8, 9, 7, 0, 0]],
    ['colour of a grey image', ops.colour(nine, square, 0.9), [...nine]],
    ['colour drained', ops.colour(bytes(100, 0, 50), [3, 1, 1], -1), [36, 36, 36]],
    [
      'sharpness',
      ops.sharpness(bytes(0, 0, 0, 0, 130, 0, 0, 0, 0), square, -1),
      [0, 0, 0, 0, 50, 0, 0, 0, 0],
    ],
  ])('%s', (_, got, expected) => {
    expect([...got]).toEqual(expected)
  })

  test('rotate turns about the centre', () => {
    const side = 17
    const dot = new Uint8ClampedArray(side * side)
    dot[8 * side + 8] = 255
    dot[8 * side + 15] = 100
    const turned = ops.rotate(dot, [1, side, side], 30)
    expect(turned[8 * side + 8]).toBe(255)
    const at = turned.indexOf(100)
    const [y, x] = [Math.floor(at / side) - 8, (at % side) - 8]
    expect(Math.abs((Math.atan2(-y, x) * 180) / Math.PI)).toBeGreaterThan(22)
    expect(Math.abs((Math.atan2(-y, x) * 180) / Math.PI)).toBeLessThan(38)
  })

  test('equalize spreads the values', () => {
    const image = Uint8ClampedArray.from({ length: 1024 }, (_, i) => 100 + Math.floor(i / 256))
    expect([...new Set(ops.equalize(image, [1, 32, 32], 0))]).toEqual([0, 85, 171, 255])
  })
})

describe('randAugment', () => {
  const normalisation = { mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.25, 0.3] }
  const shape = [3, 8, 8] as const
  const image = Float32Array.from({ length: 192 }, (_, i) => {
    const c = Math.floor(i / 64)
    return (((i * 37) % 256) / 255 - normalisation.mean[c]!) / normalisation.deviation[c]!
  })

  test('gives bytes back unharmed, and black from outside', () => {
    const kept = randAugment({ normalisation, ops: ['identity'] })(image, shape, new Random(0))
    expect(kept).toEqual(image)
    const moved = randAugment({ normalisation, ops: ['translateX'], magnitude: 30, count: 1 })
    const view = moved(image, shape, new Random(0))
    const black = normalisation.mean.map((m, c) => Math.fround(-m / normalisation.deviation[c]!))
    for (const c of [0, 1, 2]) expect([...view.subarray(c * 64, c * 64 + 64)]).toContain(black[c])
  })

  test('is a function of its stream, and every operation is drawn', () => {
    const augment = randAugment({ normalisation })
    expect(augment(image, shape, new Random(3))).toEqual(augment(image, shape, new Random(3)))
    const views = new Set(
      Array.from({ length: 60 }, (_, seed) => augment(image, shape, new Random(seed)).join()),
    )
    expect(views.size).toBeGreaterThan(50)
    expect(randAugmentOps).toHaveLength(14)
  })

  test.each([...randAugmentOps, 'invert' as const])(
    '%s gives finite pixels of every shape and magnitude',
    (op) => {
      for (const [channels, height, width] of [
        [1, 1, 1],
        [3, 1, 5],
        [3, 8, 8],
      ] as const)
        for (const magnitude of [0, 9, 30]) {
          const augment = randAugment({ normalisation, ops: [op], magnitude, count: 1 })
          const view = augment(
            image.slice(0, channels * height * width),
            [channels, height, width],
            new Random(1),
          )
          expect(view.every(Number.isFinite)).toBe(true)
        }
    },
  )

  test('refuses what it cannot do', () => {
    expect(() => randAugment({ normalisation, magnitude: 31 })).toThrow(ValueError)
    expect(() => randAugment({ normalisation, count: -1 })).toThrow(ValueError)
    expect(() => randAugment({ normalisation, ops: ['blur' as never] })).toThrow(
      /got blur. Choose from identity, /,
    )
  })
})
