import { describe, expect, test } from 'vitest'
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  cosineEmbeddingLoss,
  crossEntropy,
  gaussianNllLoss,
  grad,
  huberLoss,
  l1Loss,
  logSoftmax,
  marginRankingLoss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  type Tensor,
  tensor,
  tripletMarginLoss,
  zeros,
} from '../../src/index.ts'
import { thrownBy } from '../support/thrown.ts'

const ints = (...values: number[]): Tensor<'int'> => tensor(Int32Array.from(values))
const gradient = async (loss: Tensor, x: Tensor): Promise<number[]> =>
  Array.from(await grad(loss.sum(), [x])[0]!.data())

const logits = tensor([
  [1, -2, 0.5],
  [0, 3, -1],
  [2, 2, 2],
])

describe('labels that are ignored', () => {
  test('leave their sample out of the mean', async () => {
    const all = await crossEntropy(logits, ints(0, 1, 2), { reduction: 'none' }).data()
    const some = await crossEntropy(logits, ints(0, -100, 2)).item()
    expect(some).toBeCloseTo((all[0]! + all[2]!) / 2, 6)
  })

  test.each([
    ['on the host', ints(1, 1, 1)],
    ['on the device only', logits.detach().mul(0).argmax(1)],
  ])('give 0 and no gradient where all are: labels known %s', async (_, labels) => {
    const options = { ignoreIndex: labels.host ? 1 : 0 }
    for (const loss of [
      crossEntropy(logits, labels, options),
      nllLoss(logSoftmax(logits, 1), labels, options),
    ]) {
      expect(await loss.item()).toBe(0)
      expect(await gradient(loss, logits)).toEqual(new Array(9).fill(0))
    }
  })

  test('of weight 0 count as ignored ones do', async () => {
    const weight = tensor([0, 0, 0])
    expect(await crossEntropy(logits, ints(0, 1, 2), { weight }).item()).toBe(0)
  })
})

test('crossEntropy of one sample [C] is that of a batch of one', async () => {
  const one = logits.slice([[1, 2]])
  const alone = crossEntropy(one.reshape([3]), tensor(2, [], 'int'))
  expect(await alone.item()).toBeCloseTo(await crossEntropy(one, ints(2)).item(), 6)
})

test('no sample gives NaN as in PyTorch, an empty batch of losses none', async () => {
  expect(await mseLoss(zeros([0, 3]), zeros([0, 3])).item()).toBeNaN()
  expect((await l1Loss(zeros([0, 3]), zeros([0, 3]), { reduction: 'none' }).data()).length).toBe(0)
})

describe('kinks', () => {
  const x = tensor([0, 1, -1, 3])
  const target = tensor([0, 0, 0, 3])

  test('where input and target meet, and exactly at beta', async () => {
    expect(await gradient(l1Loss(x, target), x)).toEqual([0, 0.25, -0.25, 0])
    expect(await gradient(smoothL1Loss(x, target), x)).toEqual([0, 0.25, -0.25, 0])
    expect(await gradient(smoothL1Loss(x, target, { beta: 0 }), x)).toEqual([0, 0.25, -0.25, 0])
    expect(await gradient(huberLoss(x, target, { delta: 0.5 }), x)).toEqual([0, 0.125, -0.125, 0])
  })

  test('a hinge at 0 lets the gradient through, as PyTorch has it', async () => {
    const loss = marginRankingLoss(x, x.detach(), ints(1, 1, -1, -1), { reduction: 'sum' })
    expect(await loss.item()).toBe(0)
    expect(await gradient(loss, x)).toEqual([-1, -1, 1, 1])
  })
})

describe('far out', () => {
  test('binaryCrossEntropy cuts logarithms off at -100', async () => {
    const p = tensor([0, 1, 0, 1])
    const loss = binaryCrossEntropy(p, tensor([1, 0, 0, 1]), { reduction: 'none' })
    expect(Array.from(await loss.data(), (v) => v + 0)).toEqual([100, 100, 0, 0])
    for (const slope of await gradient(loss, p)) expect(slope).toSatisfy(Number.isFinite)
  })

  test('binaryCrossEntropyWithLogits keeps its small losses', async () => {
    const x = tensor([-40, 40, 1e4])
    const loss = binaryCrossEntropyWithLogits(x, tensor([0, 1, 0]), { reduction: 'none' })
    const [low, high, wrong] = await loss.data()
    expect(low! / Math.exp(-40)).toBeCloseTo(1, 4)
    expect(high! / Math.exp(-40)).toBeCloseTo(1, 4)
    expect(wrong).toBe(1e4)
  })

  test('zero vectors have cosine 0 and finite gradients', async () => {
    const a = zeros([2, 3])
    const loss = cosineEmbeddingLoss(
      a,
      tensor([
        [1, 2, 3],
        [0, 0, 0],
      ]),
      ints(1, -1),
      { reduction: 'none' },
    )
    expect(Array.from(await loss.data())).toEqual([1, 0])
    for (const slope of await gradient(loss, a)) expect(slope).toSatisfy(Number.isFinite)
  })

  test('a variance below eps counts as eps, and still gets its gradient', async () => {
    const variance = tensor([0, 1])
    const loss = gaussianNllLoss(tensor([1, 1]), tensor([1, 1]), variance, { eps: 0.25, reduction: 'none' })
    expect((await loss.data())[0]).toBeCloseTo(0.5 * Math.log(0.25), 6)
    expect(await gradient(loss, variance)).toEqual([2, 0.5])
  })
})

test('tripletMarginLoss with swap takes the nearer negative', async () => {
  const [anchor, positive, negative] = [tensor([0, 0]), tensor([3, 0]), tensor([4, 0])]
  const options = { margin: 5, eps: 0 }
  expect(await tripletMarginLoss(anchor, positive, negative, options).item()).toBeCloseTo(4, 6)
  const swapped = tripletMarginLoss(anchor, positive, negative, { ...options, swap: true })
  expect(await swapped.item()).toBeCloseTo(7, 6)
})

const broadcastAdvice = 'Reshape one of them; losses do not broadcast.'

/** Bad input and the whole sentence that answers it. */
const MESSAGES: readonly (readonly [call: () => unknown, message: string])[] = [
  ...(['mseLoss', 'l1Loss', 'huberLoss', 'smoothL1Loss'] as const).map(
    (name) =>
      [
        () => ({ mseLoss, l1Loss, huberLoss, smoothL1Loss })[name](zeros([4, 1]), zeros([4])),
        `${name}: input and target differ in shape, got [4, 1] and [4]. ${broadcastAdvice}`,
      ] as const,
  ),
  [
    () => huberLoss(zeros([2]), zeros([2]), { delta: 0 }),
    'huberLoss: delta must be above 0, got 0. Choose another.',
  ],
  [
    () => smoothL1Loss(zeros([2]), zeros([2]), { beta: -1 }),
    'smoothL1Loss: beta must be at least 0, got -1. Choose another.',
  ],
  [
    () => gaussianNllLoss(zeros([4]), zeros([4, 1]), zeros([4])),
    `gaussianNllLoss: input and target differ in shape, got [4] and [4, 1]. ${broadcastAdvice}`,
  ],
  [
    () => gaussianNllLoss(zeros([4, 3]), zeros([4, 3]), zeros([3])),
    'gaussianNllLoss: the variance does not fit the input, got [3] and [4, 3]. Expected [4, 3], [4] or [4, 1].',
  ],
  [
    () => gaussianNllLoss(zeros([2]), zeros([2]), tensor([1, -2])),
    'gaussianNllLoss: a variance must be at least 0, got -2. Give variances, not their logarithms.',
  ],
  [
    () => binaryCrossEntropy(zeros([4]), zeros([4, 1])),
    'binaryCrossEntropy: input and target differ in shape, got [4] and [4, 1]. Give one target per probability.',
  ],
  [
    () => binaryCrossEntropyWithLogits(zeros([4]), zeros([4, 1])),
    'binaryCrossEntropyWithLogits: input and target differ in shape, got [4] and [4, 1]. Give one target per logit.',
  ],
  [() => nllLoss(zeros([]), ints(1)), 'nllLoss: expected log-probabilities [N, C], got []. Reshape them.'],
  [
    () => nllLoss(zeros([2, 3, 4]), ints(0, 1)),
    'nllLoss: the target does not fit the input, got [2, 3, 4] and [2]. Expected labels [2, 4].',
  ],
  [
    () => nllLoss(zeros([2, 3]), ints(0, 3)),
    'nllLoss: label 3 of sample 1 is out of range, got 3 classes. Use 0 to 2.',
  ],
  [
    () => nllLoss(zeros([2, 3]), ints(0, 1), { weight: zeros([2]) }),
    'nllLoss: weight does not fit the classes, got [2] for 3 classes. Give one weight per class, [3].',
  ],
  [
    () => crossEntropy(zeros([2, 3]), ints(0, 1), { weight: zeros([2]) }),
    'crossEntropy: weight does not fit the classes, got [2] for 3 classes. Give one weight per class, [3].',
  ],
  [
    () => crossEntropy(zeros([2, 3, 4]), ints(0, 1)),
    'crossEntropy: the target does not fit the logits, got [2, 3, 4] and [2]. Expected labels [2, 4] or probabilities [2, 3, 4].',
  ],
  [
    () => crossEntropy(zeros([2, 3]), ints(0, -100), { ignoreIndex: 1 }),
    'crossEntropy: label -100 of sample 1 is out of range, got 3 classes. Use 0 to 2.',
  ],
  [
    () => marginRankingLoss(zeros([2]), zeros([3]), zeros([2])),
    'marginRankingLoss: input1 and input2 differ in shape, got [2] and [3]. Give the scores of the same pairs.',
  ],
  [
    () => marginRankingLoss(zeros([2]), zeros([2]), ints(1)),
    'marginRankingLoss: the target does not fit the inputs, got [1] for [2]. Give 1 or -1 for each pair.',
  ],
  [
    () => cosineEmbeddingLoss(zeros([2, 3]), zeros([3, 2]), ints(1, 1)),
    'cosineEmbeddingLoss: input1 and input2 differ in shape, got [2, 3] and [3, 2]. Give vectors of the same pairs.',
  ],
  [
    () => cosineEmbeddingLoss(zeros([1, 2, 3]), zeros([1, 2, 3]), ints(1, 1)),
    'cosineEmbeddingLoss: expected vectors [N, D] or [D], got [1, 2, 3]. Reshape them.',
  ],
  [
    () => cosineEmbeddingLoss(zeros([2, 3]), zeros([2, 3]), ints(1, 1, 1)),
    'cosineEmbeddingLoss: the target does not fit the inputs, got [3] for [2]. Give 1 or -1 for each pair.',
  ],
  [
    () => tripletMarginLoss(zeros([2, 3]), zeros([2, 4]), zeros([2, 3])),
    'tripletMarginLoss: anchor and positive differ in shape, got [2, 3] and [2, 4]. Give vectors of the same triplets.',
  ],
  [
    () => tripletMarginLoss(zeros([2, 3]), zeros([2, 3]), zeros([3])),
    'tripletMarginLoss: anchor and negative differ in shape, got [2, 3] and [3]. Give vectors of the same triplets.',
  ],
]

test.each(MESSAGES)('message %#', (call, message) => {
  expect(thrownBy(call).message).toBe(message)
})
