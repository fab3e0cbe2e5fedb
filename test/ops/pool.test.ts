import { describe, expect, test } from 'vitest'
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  grad,
  interpolate,
  maxPool2d,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.ts'

const line = (...values: number[]): Tensor => tensor(values, [1, 1, 1, values.length])
const values = async (x: Tensor) => Array.from(await x.data())
const gradOf = async (y: Tensor, x: Tensor) => values(grad(y.sum(), [x])[0]!)

describe('ceilMode', () => {
  test('places the last window that starts on the plane', async () => {
    const x = line(1, 2, 3, 4, 5)
    const y = maxPool2d(x, [1, 2], { ceilMode: true })
    expect(await values(y)).toEqual([2, 4, 5])
    expect(await gradOf(y, x)).toEqual([0, 1, 0, 1, 1])
    expect(await values(maxPool2d(x, [1, 2]))).toEqual([2, 4])
  })

  test('but none that starts in the padding behind it', () => {
    const x = zeros([1, 1, 1, 4])
    expect(avgPool2d(x, [1, 3], { stride: 3, padding: [0, 1], ceilMode: true }).shape).toEqual([1, 1, 1, 2])
    expect(avgPool2d(x, [1, 2], { stride: 5, padding: [0, 1], ceilMode: true }).shape).toEqual([1, 1, 1, 1])
  })

  test('padding counts, what lies past it does not', async () => {
    const x = line(6, 6, 6, 6)
    const options = { stride: 3, padding: [0, 1], ceilMode: true } as const
    // Windows 0 6 6 and 6 6 0; then with a wider one 0 6 6 6 and 6 0 past the end.
    expect(await values(avgPool2d(x, [1, 3], options))).toEqual([4, 4])
    expect(await values(avgPool2d(x, [1, 4], { ...options, stride: 4 }))).toEqual([4.5, 3])
    expect(await values(avgPool2d(x, [1, 4], { ...options, stride: 4, countIncludePad: false }))).toEqual([
      6, 6,
    ])
  })
})

test('avgPool2d divides by divisorOverride', async () => {
  expect(await values(avgPool2d(line(1, 2, 3, 4), [1, 2], { divisorOverride: 10 }))).toEqual([0.3, 0.7])
})

describe('maxPool2d', () => {
  test('gives NaN where there is one, and its gradient to the last', async () => {
    const x = line(NaN, 1, NaN, 2, 3, 4)
    const y = maxPool2d(x, [1, 3])
    expect(await values(y)).toEqual([NaN, 4])
    expect(await gradOf(y, x)).toEqual([0, 0, 1, 0, 0, 1])
  })

  test('gives the gradient of several equal ones to the first', async () => {
    const x = line(2, 2, 2, -Infinity, -Infinity, -Infinity)
    const y = maxPool2d(x, [1, 3])
    expect(await values(y)).toEqual([2, -Infinity])
    expect(await gradOf(y, x)).toEqual([1, 0, 0, 1, 0, 0])
  })
})

describe('adaptive pooling', () => {
  test('windows overlap where the sizes do not divide', async () => {
    const x = line(1, 2, 3, 4, 5)
    const y = adaptiveAvgPool2d(x, [1, 3])
    // 1 2, then 2 3 4, then 4 5.
    expect(await values(y)).toEqual([1.5, 3, 4.5])
    expect(await gradOf(y.mul(6), x)).toEqual([3, 5, 2, 5, 3])
    const most = adaptiveMaxPool2d(x, [1, 3])
    expect(await values(most)).toEqual([2, 4, 5])
    expect(await gradOf(most, x)).toEqual([0, 1, 0, 1, 1])
  })

  test('keeps a size that is null, and can grow one', async () => {
    expect(adaptiveAvgPool2d(zeros([2, 3, 5, 4]), [null, 2]).shape).toEqual([2, 3, 5, 2])
    expect(await values(adaptiveMaxPool2d(line(1, 2), [1, 4]))).toEqual([1, 1, 2, 2])
  })

  test('NaN and infinity stay in their windows; ties go to the first', async () => {
    expect(await values(adaptiveAvgPool2d(line(NaN, 2, 3, 4, Infinity), [1, 3]))).toEqual([NaN, 3, Infinity])
    const x = line(2, 2, 1, 7, 7)
    expect(await gradOf(adaptiveMaxPool2d(x, [1, 2]), x)).toEqual([1, 0, 0, 1, 0])
  })

  test('an empty batch gives an empty batch', () => {
    expect(adaptiveAvgPool2d(zeros([0, 3, 5, 5]), 2).shape).toEqual([0, 3, 2, 2])
    expect(avgPool2d(zeros([0, 3, 4, 4]), 2).shape).toEqual([0, 3, 2, 2])
  })
})

describe('interpolate', () => {
  test('nearest takes floor(i * in / out)', async () => {
    expect(await values(interpolate(line(1, 2, 3), { size: [1, 6] }))).toEqual([1, 1, 2, 2, 3, 3])
    expect(await values(interpolate(line(1, 2, 3), { size: [1, 9] }))).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3])
    expect(await values(interpolate(line(1, 2, 3, 4), { size: [1, 3] }))).toEqual([1, 2, 3])
    expect(await values(interpolate(line(1, 2), { scaleFactor: [1, 1.5] }))).toEqual([1, 1, 2])
  })

  test('nearest rounds in float32, as PyTorch does', async () => {
    const y = await values(interpolate(line(1, 2), { size: [1, 82] }))
    // 41 * float32(2 / 82) is just below 1.
    expect([y[40], y[41], y[42]]).toEqual([1, 1, 2])
  })

  test('bilinear lays edges on each other, or corners', async () => {
    const bilinear = { size: [1, 4], mode: 'bilinear' } as const
    expect(await values(interpolate(line(0, 4), bilinear))).toEqual([0, 1, 3, 4])
    expect(await values(interpolate(line(0, 3), { ...bilinear, alignCorners: true }))).toEqual([0, 1, 2, 3])
    expect(await values(interpolate(line(7, 3), { size: 1, mode: 'bilinear', alignCorners: true }))).toEqual([
      7,
    ])
    expect(await values(interpolate(line(7, 3), { size: 1, mode: 'bilinear' }))).toEqual([5])
  })

  test('bilinear steps by the scale that was asked for', async () => {
    const y = interpolate(line(0, 1, 2), { scaleFactor: [1, 1.5], mode: 'bilinear' })
    const wanted = [0, 0.5, 7 / 6, 11 / 6]
    ;(await values(y)).forEach((v, i) => {
      expect(v).toBeCloseTo(wanted[i]!, 12)
    })
  })

  test('an empty batch gives an empty batch', () => {
    expect(interpolate(zeros([0, 3, 4, 4]), { size: 7, mode: 'bilinear' }).shape).toEqual([0, 3, 7, 7])
  })
})

describe('what makes no sense', () => {
  const x = zeros([1, 1, 4, 4])
  const empty = zeros([1, 1, 0, 4])
  test.each<[() => unknown, string]>([
    [
      () => avgPool2d(x, 0),
      "avgPool2d: the kernel's sizes must be positive integers, got [0, 0]. Give one number or [height, width].",
    ],
    [
      () => avgPool2d(x, 2, { divisorOverride: 0 }),
      'avgPool2d: the divisor must not be 0, got 0. Leave divisorOverride out.',
    ],
    [
      () => maxPool2d(zeros([1, 1, 3, 3]), 2, { padding: 1, dilation: 4 }),
      'maxPool2d: a window lies in the padding alone, got [2, 2] with dilation [4, 4] on [3, 3]. Use less dilation or padding.',
    ],
    [
      () => adaptiveAvgPool2d(zeros([4, 4]), 2),
      'adaptiveAvgPool2d: wrong number of dims, got [4, 4]. Expected an input [N, C, H, W]; add or drop dims with reshape.',
    ],
    [
      () => adaptiveMaxPool2d(empty, 2),
      'adaptiveMaxPool2d: the plane is empty, got [1, 1, 0, 4]. Give at least one row and column.',
    ],
    [
      () => adaptiveAvgPool2d(x, [2, 0]),
      'adaptiveAvgPool2d: the output size must be positive integers, got [2, 0]. Give one number or [height, width].',
    ],
    [
      () => interpolate(zeros([4, 4]), { size: 2 }),
      'interpolate: wrong number of dims, got [4, 4]. Expected an input [N, C, H, W]; add or drop dims with reshape.',
    ],
    [
      () => interpolate(empty, { size: 2 }),
      'interpolate: the plane is empty, got [1, 1, 0, 4]. Give at least one row and column.',
    ],
    [() => interpolate(x, {}), 'interpolate: give either size or scaleFactor, got neither. Leave one out.'],
    [
      () => interpolate(x, { size: 2, scaleFactor: 2 }),
      'interpolate: give either size or scaleFactor, got both. Leave one out.',
    ],
    [
      () => interpolate(x, { scaleFactor: 0.1 }),
      'interpolate: the new size must be positive integers, got [0, 0] for [1, 1, 4, 4]. Choose a larger one.',
    ],
    [
      () => interpolate(x, { size: 2, mode: 'bicubic' as never }),
      "interpolate: the mode is unknown, got bicubic. Use 'nearest' or 'bilinear'.",
    ],
    [
      () => interpolate(x, { size: 2, alignCorners: false }),
      "interpolate: nearest has no corners to align, got alignCorners. Leave it out, or use 'bilinear'.",
    ],
  ])('%s', (run, message) => {
    expect(run).toThrow(message)
  })
})
