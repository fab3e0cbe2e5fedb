import { describe, expect, test } from 'vitest'
import { conv1d, conv2d, convTranspose2d, grad, type Tensor, tensor, zeros } from '../../src/index.ts'
import { Random } from '../../src/random.ts'
import { closeness } from '../support/closeness.ts'

const drawn = (seed: number, shape: readonly number[]): Tensor =>
  tensor(new Random(seed).normals(shape.reduce((product, n) => product * n, 1)), shape)

describe("padding 'same' and 'valid'", () => {
  test.each([
    [[3, 3], 1],
    [[4, 2], 1],
    [
      [2, 3],
      [3, 2],
    ],
  ] as const)('same keeps the plane for a kernel %j with dilation %j', (kernel, dilation) => {
    const y = conv2d(zeros([1, 2, 5, 6]), zeros([3, 2, ...kernel]), { padding: 'same', dilation })
    expect(y.shape).toEqual([1, 3, 5, 6])
  })

  test('an even kernel pads one more at the bottom and right', async () => {
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3])
    const y = conv2d(x, tensor([1, 10, 100, 1000], [1, 1, 2, 2]), { padding: 'same' })
    expect(Array.from(await y.data())).toEqual([5421, 6532, 603, 8754, 9865, 906, 87, 98, 9])
  })

  test('valid pads nothing', () => {
    expect(conv2d(zeros([1, 1, 5, 5]), zeros([1, 1, 3, 3]), { padding: 'valid' }).shape).toEqual([1, 1, 3, 3])
    expect(conv1d(zeros([1, 1, 5]), zeros([1, 1, 4]), { padding: 'valid' }).shape).toEqual([1, 1, 2])
  })
})

test('conv1d slides a kernel along lines', async () => {
  const x = tensor([1, 2, 3, 4, 5], [1, 1, 5])
  const y = conv1d(x, tensor([1, 10], [1, 1, 2]), { stride: 2, padding: 1, dilation: 2, bias: tensor([0.5]) })
  expect(await y.toArray()).toEqual([[[20.5, 42.5, 4.5]]])
  expect(conv1d(x, zeros([1, 1, 4]), { padding: 'same' }).shape).toEqual([1, 1, 5])
})

test('an empty batch gives an empty batch', () => {
  expect(conv2d(zeros([0, 2, 4, 4]), zeros([3, 2, 3, 3])).shape).toEqual([0, 3, 2, 2])
  expect(convTranspose2d(zeros([0, 2, 4, 4]), zeros([2, 3, 3, 3])).shape).toEqual([0, 3, 6, 6])
})

describe('convTranspose2d', () => {
  test.each([
    { stride: 2, padding: 1, outputPadding: 1, dilation: 1, groups: 1 },
    { stride: [1, 3], padding: [0, 2], outputPadding: [0, 2], dilation: [2, 1], groups: 2 },
  ] as const)('is the adjoint of conv2d: %j', async ({ outputPadding, ...settings }) => {
    const y = drawn(1, [2, 4, 4, 3])
    const weight = drawn(2, [4, 4 / settings.groups, 3, 3])
    const back = convTranspose2d(y, weight, { ...settings, outputPadding })
    const x = drawn(3, back.shape)
    const ahead = conv2d(x, weight, settings)
    expect(ahead.shape).toEqual(y.shape)
    expect(closeness([await back.mul(x).sum().item()], [await ahead.mul(y).sum().item()])).toBeLessThan(1)
  })

  test('may add more rows than its stride where the dilation is larger', async () => {
    const x = tensor([1, 2], [1, 1, 2, 1])
    const weight = tensor([1, 10], [1, 1, 2, 1])
    const options = { dilation: [3, 1], outputPadding: [2, 0], padding: [1, 0] } as const
    const y = convTranspose2d(x, weight, options)
    // Whole: 1 2 0 10 20; one row less at the top, one less at the bottom but two more.
    expect(Array.from(await y.data())).toEqual([2, 0, 10, 20, 0])
    const [dx] = grad(y.mul(tensor([1, 2, 3, 4, 5], y.shape)).sum(), [x])
    expect(Array.from(await dx!.data())).toEqual([30, 41])
  })
})

describe('what makes no sense', () => {
  test.each<[() => unknown, string]>([
    [
      () => conv2d(zeros([1, 1, 4, 4]), zeros([1, 1, 3, 3]), { padding: 'same', stride: 2 }),
      "conv2d: padding 'same' needs a stride of 1, got [2, 2]. Give the padding as a number.",
    ],
    [
      () => conv2d(zeros([1, 1, 4, 4]), zeros([1, 1, 3, 3]), { padding: 'sane' as never }),
      'conv2d: stride and dilation must be positive integers and padding one of at least 0, got stride [1, 1], padding sane, dilation [1, 1]. Change the settings.',
    ],
    [
      () => conv2d(zeros([1, 4, 4, 4]), zeros([4, 2, 3, 3]), { groups: 3 }),
      'conv2d: the channels do not fit 3 groups, got [1, 4, 4, 4] and [4, 2, 3, 3]. Expected [N, C, H, W] and [out, C / groups, kH, kW].',
    ],
    [
      () => conv1d(zeros([2, 8]), zeros([4, 2, 3])),
      'conv1d: wrong number of dims, got [2, 8]. Expected an input [N, C, L]; add or drop dims with reshape.',
    ],
    [
      () => conv1d(zeros([1, 2, 8]), zeros([4, 3])),
      'conv1d: wrong number of dims, got [4, 3]. Expected a weight [out, in / groups, k]; add or drop dims with reshape.',
    ],
    [
      () => conv1d(zeros([1, 2, 8]), zeros([4, 3, 3])),
      'conv1d: the channels do not fit, got [1, 2, 8] and [4, 3, 3]. Expected [N, C, L] and [out, C / groups, k].',
    ],
    [
      () => conv1d(zeros([1, 2, 8]), zeros([4, 2, 3]), { bias: zeros([3]) }),
      'conv1d: the bias does not fit the weight, got [3] and [4, 2, 3]. Expected [4].',
    ],
    [
      () => conv1d(zeros([1, 2, 2]), zeros([4, 2, 3])),
      'conv1d: the window is larger than the padded plane, got [1, 3] on [1, 2]. Use a smaller kernel or more padding.',
    ],
    [
      () => convTranspose2d(zeros([2, 4, 4]), zeros([2, 3, 3, 3])),
      'convTranspose2d: wrong number of dims, got [2, 4, 4]. Expected an input [N, C, H, W]; add or drop dims with reshape.',
    ],
    [
      () => convTranspose2d(zeros([1, 2, 4, 4]), zeros([3, 2, 3, 3])),
      'convTranspose2d: the channels do not fit, got [1, 2, 4, 4] and [3, 2, 3, 3]. Expected [N, C, H, W] and [C, out / groups, kH, kW].',
    ],
    [
      () => convTranspose2d(zeros([1, 3, 4, 4]), zeros([3, 2, 3, 3]), { groups: 2 }),
      'convTranspose2d: the channels do not fit 2 groups, got [1, 3, 4, 4] and [3, 2, 3, 3]. Expected [N, C, H, W] and [C, out / groups, kH, kW].',
    ],
    [
      () => convTranspose2d(zeros([1, 2, 4, 4]), zeros([2, 3, 3, 3]), { bias: zeros([2]) }),
      'convTranspose2d: the bias does not fit the weight, got [2] and [2, 3, 3, 3]. Expected [3].',
    ],
    [
      () => convTranspose2d(zeros([1, 2, 4, 4]), zeros([2, 3, 3, 3]), { stride: 2, outputPadding: 2 }),
      'convTranspose2d: the output padding must be whole, at least 0, and smaller than the stride or the dilation, got [2, 2] for stride [2, 2] and dilation [1, 1]. Change the settings.',
    ],
    [
      () => convTranspose2d(zeros([1, 2, 1, 1]), zeros([2, 3, 2, 2]), { padding: 1 }),
      'convTranspose2d: nothing is left of the plane, got [0, 0] from [1, 2, 1, 1] with padding [1, 1]. Use less padding.',
    ],
  ])('%s', (run, message) => {
    expect(run).toThrow(message)
  })
})
