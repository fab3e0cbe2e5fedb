import { describe, expect, test } from 'vitest'
import {
  argmax,
  avgPool2d,
  cat,
  conv2d,
  crossEntropy,
  device,
  full,
  gather,
  grad,
  klDiv,
  linear,
  matmul,
  maximum,
  maxPool2d,
  scatter,
  scatterAdd,
  scatterMask,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from '../src/index.ts'
import { thrownBy } from './support/thrown.ts'

const labels = tensor(Int32Array.of(0, 1))
const mask = tensor([true, false])

/** Bad input and the whole sentence that answers it. */
const CASES: readonly (readonly [call: () => unknown, message: string])[] = [
  // Making tensors.
  [() => tensor([1, 2, 3], [2, 2]), 'tensor: 3 values do not fill the shape, got [2, 2]. Give 4 values.'],
  [() => tensor([1], [-1]), 'tensor: sizes must be integers of at least 0, got [-1]. Check the shape.'],
  [
    () => tensor([[1, 2], [3]]),
    'tensor: rows differ in length, got 1 and 2. Make all rows of a level equally long.',
  ],
  [
    () => tensor([[1], 2] as never),
    'tensor: expected numbers nested 2 deep, got 2 at depth 1. Check the array.',
  ],
  [
    () => tensor([0, 1.5], [2], 'int'),
    "tensor: int values must be whole numbers, got 1.5 at index 1. Round it, or use 'float'.",
  ],
  [
    () => tensor([0, 2], [2], 'bool'),
    "tensor: bool values must be 0 or 1, got 2 at index 1. Round it, or use 'float'.",
  ],

  // Elementwise.
  ...(
    ['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum', 'lt', 'le', 'gt', 'ge', 'eq', 'ne'] as const
  ).map(
    (name) =>
      [
        () => zeros([3])[name](zeros([2])),
        `${name}: shapes do not broadcast, got [3] and [2]. Align the trailing dims, or reshape one side so that the odd dim is 1.`,
      ] as const,
  ),
  ...(
    ['neg', 'abs', 'sign', 'exp', 'log', 'sqrt', 'square', 'reciprocal', 'tanh', 'sigmoid', 'relu'] as const
  ).map(
    (name) =>
      [
        () => (labels as unknown as Tensor)[name](),
        `${name}: expected a float tensor, got int [2]. Convert it with toFloat().`,
      ] as const,
  ),
  [
    () => where(mask, zeros([3]), zeros([2])),
    'where: shapes do not broadcast, got [2] and [3] and [2]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => where(zeros([2]) as never, 1, 0),
    "where: expected a bool tensor, got float [2]. Make it with tensor(values, shape, 'bool').",
  ],
  [
    () => maximum('3' as never, 1),
    'maximum: expected a tensor or a number, got string. Wrap the value in tensor(...).',
  ],

  // Reductions.
  ...(['sum', 'mean', 'amax', 'amin', 'logSumExp'] as const).map(
    (name) =>
      [() => zeros([2, 3])[name](2), `${name}: dim 2 is out of range, got [2, 3]. Use -2 to 1.`] as const,
  ),
  ...(['softmax', 'logSoftmax', 'argmax', 'argmin'] as const).map(
    (name) =>
      [() => zeros([2, 3])[name](-3), `${name}: dim -3 is out of range, got [2, 3]. Use -2 to 1.`] as const,
  ),
  ...(['max', 'min'] as const).map(
    (name) =>
      [() => zeros([2, 3])[name](5), `${name}: dim 5 is out of range, got [2, 3]. Use -2 to 1.`] as const,
  ),
  [() => zeros([2, 3]).sum([0, 0]), 'sum: a dim is named twice in [0, 0], got [2, 3]. Name each dim once.'],
  [
    () => zeros([0, 3]).amax(0),
    'amax: nothing to choose from along an empty dim, got [0, 3]. Check the batch.',
  ],
  [() => argmax(zeros([0])), 'argmax: nothing to choose from along an empty dim, got [0]. Check the batch.'],

  // Products.
  [
    () => matmul(zeros([1, 2]), zeros([1, 3])),
    'matmul: inner sizes differ, got [1, 2] and [1, 3]. Expected [M, K] x [K, N].',
  ],
  [
    () => matmul(zeros([4, 3]), zeros([5, 3])),
    'matmul: inner sizes differ, got [4, 3] and [5, 3]. Expected [M, K] x [K, N]; did you mean b.transpose()?',
  ],
  [() => matmul(zeros([]), zeros([3])), 'matmul: a scalar has no rows, got [] and [3]. Use mul to scale.'],
  [
    () => matmul(zeros([2, 4, 3]), zeros([5, 3, 2])),
    'matmul: shapes do not broadcast, got [2] and [5]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => linear(zeros([2, 3]), zeros([4, 5])),
    'linear: the input does not fit the weight, got [2, 3] and [4, 5]. Expected [..., in] and [out, in].',
  ],

  // Convolution and pooling.
  [
    () => conv2d(zeros([3, 8, 8]), zeros([4, 3, 3, 3])),
    'conv2d: wrong number of dims, got [3, 8, 8]. Expected an input [N, C, H, W]; add or drop dims with reshape.',
  ],
  [
    () => conv2d(zeros([1, 2, 8, 8]), zeros([4, 3, 3, 3])),
    'conv2d: the channels do not fit, got [1, 2, 8, 8] and [4, 3, 3, 3]. Expected [N, C, H, W] and [out, C / groups, kH, kW].',
  ],
  [
    () => conv2d(zeros([1, 3, 2, 2]), zeros([4, 3, 3, 3])),
    'conv2d: the window is larger than the padded plane, got [3, 3] on [2, 2]. Use a smaller kernel or more padding.',
  ],
  [
    () => conv2d(zeros([1, 3, 8, 8]), zeros([4, 3, 3, 3]), { stride: 0 }),
    'conv2d: stride and dilation must be positive integers and padding one of at least 0, got stride [0, 0], padding [0, 0], dilation [1, 1]. Change the settings.',
  ],
  [
    () => conv2d(zeros([1, 3, 8, 8]), zeros([4, 3, 3, 3]), { bias: zeros([3]) }),
    'conv2d: the bias does not fit the weight, got [3] and [4, 3, 3, 3]. Expected [4].',
  ],
  [
    () => maxPool2d(zeros([3, 8, 8]), 2),
    'maxPool2d: wrong number of dims, got [3, 8, 8]. Expected an input [N, C, H, W]; add or drop dims with reshape.',
  ],
  [
    () => maxPool2d(zeros([1, 1, 4, 4]), 2, { padding: 2 }),
    'maxPool2d: the padding may be at most half the kernel, got [2, 2] for [2, 2]. Pad the input itself.',
  ],
  [
    () => avgPool2d(zeros([1, 1, 2, 2]), 3),
    'avgPool2d: the window is larger than the padded plane, got [3, 3] on [2, 2]. Use a smaller kernel or more padding.',
  ],

  // Movement.
  [
    () => zeros([2, 3]).reshape([4]),
    'reshape: 6 elements do not fit, got [2, 3] for [4]. Choose sizes whose product is 6; at most one may be -1.',
  ],
  [
    () => zeros([2, 3]).permute([0, 0]),
    'permute: dims [0, 0] are not an order of all dims, got [2, 3]. Name each of the 2 dims once.',
  ],
  [() => zeros([2]).transpose(), 'transpose: dim -2 is out of range, got [2]. Use 0 or -1.'],
  [
    () => zeros([2, 3]).expand([4, 3]),
    'expand: only dims of size 1 can be stretched, got [2, 3] and [4, 3]. Reshape first, or repeat the values.',
  ],
  [
    () =>
      zeros([3]).slice([
        [0, 1],
        [0, 1],
      ]),
    'slice: more ranges than dims, got 2 for [3]. Give at most 1.',
  ],
  [
    () => zeros([3]).slice([[0, 3, -1]]),
    'slice: the step must be a positive integer, got -1. Use flip to walk backwards.',
  ],
  [() => zeros([3]).flip(1), 'flip: dim 1 is out of range, got [3]. Use 0 or -1.'],
  [
    () => zeros([2, 2]).pad([1]),
    'pad: the padding does not fit, got [1] for [2, 2]. Give one pair of integers per dim, from the last dim on.',
  ],
  [() => zeros([2]).squeeze(1), 'squeeze: dim 1 is out of range, got [2]. Use 0 or -1.'],
  [() => zeros([2]).unsqueeze(3), 'unsqueeze: dim 3 is out of range, got [2, 1]. Use -2 to 1.'],
  [() => zeros([2]).flatten(1), 'flatten: dim 1 is out of range, got [2]. Use 0 or -1.'],

  // Indexing.
  [() => cat([]), 'cat: nothing to join, got no tensors. Give at least one.'],
  [
    () => cat([zeros([2, 3]), zeros([2, 4])], 0),
    'cat: sizes differ outside dim 0, got [2, 3] and [2, 4]. Make all other sizes equal.',
  ],
  [() => stack([zeros([2]), zeros([3])]), 'stack: shapes differ, got [2] and [3]. Make them equal.'],
  [
    () => gather(zeros([2, 3]), 1, labels),
    'gather: the index does not fit, got [2] and [2, 3] along dim 1. Give it as many dims, and no larger sizes outside dim 1.',
  ],
  [
    () => gather(zeros([2, 3]), 1, tensor(Int32Array.of(0, 3), [2, 1])),
    'gather: index 3 is out of range for size 3, got [2, 1]. Use 0 to 2.',
  ],
  [
    () => scatter(zeros([2, 3]), 1, tensor(Int32Array.of(0, -1), [2, 1]), 1),
    'scatter: index -1 is out of range for size 3, got [2, 1]. Use 0 to 2.',
  ],
  [
    () => scatterAdd(zeros([2, 3]), 1, tensor(Int32Array.of(0, 1), [2, 1]), zeros([1, 1])),
    'scatterAdd: src is smaller than index, got [1, 1] and [2, 1]. Make src at least as large in every dim.',
  ],
  [() => scatterMask(labels, 1), 'scatterMask: index 1 is out of range for size 1, got [2]. Use 0 to 0.'],
  [
    () => scatterMask(labels, 2.5),
    'scatterMask: classes must be a positive integer, got 2.5. Give the number of classes.',
  ],
  [
    () => scatterMask(zeros([2]) as never, 3),
    "scatterMask: expected an int tensor, got float [2]. Make it with tensor(values, shape, 'int').",
  ],

  // Losses of the vocabulary.
  [
    () => crossEntropy(zeros([2, 3]), tensor(Int32Array.of(0, 3))),
    'crossEntropy: label 3 of sample 1 is out of range, got 3 classes. Use 0 to 2.',
  ],
  [
    () => crossEntropy(zeros([2, 3]), tensor(Int32Array.of(0, 1, 2))),
    'crossEntropy: the target does not fit the logits, got [2, 3] and [3]. Expected labels [2] or probabilities [2, 3].',
  ],
  [() => crossEntropy(zeros([3]), labels), 'crossEntropy: expected logits [N, C], got [3]. Reshape them.'],
  [
    () => crossEntropy(zeros([2, 3]), labels, { labelSmoothing: 2 }),
    'crossEntropy: labelSmoothing must be between 0 and 1, got 2. Choose another.',
  ],
  [
    () => klDiv(zeros([2, 3]), zeros([3, 2])),
    'klDiv: input and target differ in shape, got [2, 3] and [3, 2]. Give log-probabilities and probabilities of the same batch.',
  ],

  // Derivatives and devices.
  [
    () => grad(full([3], 1).exp(), []),
    'grad: loss must be a scalar, got exp[3]. Reduce it first, for example loss.mean().',
  ],
  [
    () => grad(full([], 1), [labels as never]),
    "grad: only float tensors have gradients, got int tensor([0, 1], [2], 'int'). Leave it out of wrt.",
  ],
]

describe('bad input gets one sentence that names the op, the shapes and the fix', () => {
  test.each(CASES.map(([call, message]) => ({ call, message })))('$message', ({ call, message }) => {
    expect(thrownBy(call).message).toBe(message)
  })
})

test('the error is thrown at the line of the user', () => {
  const frames = thrownBy(() => zeros([2]).add(zeros([3]))).stack!.split('\n')
  expect(frames[0]).toMatch(/^ShapeError: add: /)
  expect(frames[1]).toContain('errors.test.ts')
})

test('values that do not exist yet are refused where they are asked for', async () => {
  await expect(zeros([2]).item()).rejects.toThrow(
    'item: expected a tensor of one element, got [2]. Reduce it first, or use data().',
  )
  await expect((async () => device('webgpp'))()).rejects.toThrow(
    'device: there is no device webgpp. Choose auto, reference, cpu, gpujs-wasm, gpujs-cpu, webgpu, webgl2, headlessgl.',
  )
})
