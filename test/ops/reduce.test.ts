import { expect, test } from 'vitest'
import {
  cdist,
  cosineSimilarity,
  cumprod,
  cumsum,
  grad,
  max,
  norm,
  normalize,
  ones,
  pairwiseDistance,
  prod,
  std,
  type Tensor,
  tensor,
  var as variance,
  zeros,
} from '../../src/index.ts'
import { closeness } from '../support/closeness.ts'

async function expectClose(y: Tensor, wanted: readonly number[]): Promise<void> {
  const got = await y.data()
  expect(closeness(got, wanted), `got ${got}, wanted ${wanted}`).toBeLessThanOrEqual(1)
}

const gradOf = (y: Tensor, x: Tensor): Tensor => grad(y.sum(), [x])[0]!

test('prod over one dim, several, all, none and nothing', async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ])
  await expectClose(prod(x), [720])
  await expectClose(prod(x, -1), [6, 120])
  await expectClose(x.prod([0, 1], true), [720])
  expect(x.prod([0, 1], true).shape).toEqual([1, 1])
  expect(x.prod(0, true).shape).toEqual([1, 3])
  await expectClose(prod(tensor(7)), [7])
  await expectClose(prod(zeros([2, 0]), 1), [1, 1])
})

test('the gradient of prod with one zero, two zeros and an odd length', async () => {
  const x = tensor([
    [2, 0, 3, 4, 5],
    [0, 2, 0, 3, 1],
  ])
  await expectClose(gradOf(prod(x, 1), x), [0, 120, 0, 0, 0, 0, 0, 0, 0, 0])
  const two = tensor([0, 0, 5])
  const [g] = grad(prod(two), [two])
  // d^2/dx0 dx1 = x2, and so on.
  await expectClose(gradOf(g!.mul(tensor([1, 0, 0])), two), [0, 5, 0])
})

test('cumsum and cumprod along any dim, with zeros, of a scalar and of nothing', async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ])
  await expectClose(cumsum(x, 1), [1, 3, 6, 4, 9, 15])
  await expectClose(x.cumsum(0), [1, 2, 3, 5, 7, 9])
  await expectClose(cumprod(x, -1), [1, 2, 6, 4, 20, 120])
  await expectClose(cumsum(tensor(3), 0), [3])
  expect(cumprod(zeros([2, 0]), 1).shape).toEqual([2, 0])
  const holed = tensor([2, 0, 3, 4])
  await expectClose(holed.cumprod(0), [2, 0, 0, 0])
  // y = x0 + x0 x1 + x0 x1 x2 + x0 x1 x2 x3
  await expectClose(gradOf(cumprod(holed, 0), holed), [1, 2 + 6 + 24, 0, 0])
  await expectClose(gradOf(cumsum(holed, 0), holed), [4, 3, 2, 1])
})

test('var and std: biased or not, of one element, of a scalar, of equal elements', async () => {
  const x = tensor([
    [1, 2, 4],
    [3, 3, 3],
  ])
  await expectClose(variance(x, 1), [7 / 3, 0])
  await expectClose(variance(x, 1, false), [14 / 9, 0])
  await expectClose(x.std(1), [Math.sqrt(7 / 3), 0])
  await expectClose(x.var(), [16 / 15])
  expect(variance(x, [0, 1], true, true).shape).toEqual([1, 1])
  await expectClose(variance(tensor([[5], [6]]), 1), [Number.NaN, Number.NaN])
  await expectClose(variance(tensor([[5], [6]]), 1, false), [0, 0])
  await expectClose(std(tensor(5)), [Number.NaN])
  await expectClose(std(tensor(5), undefined, false), [0])
  await expectClose(variance(zeros([0])), [Number.NaN])
  // The sum of three 0.1 is not three times 0.1: equal elements must be found equal all the same.
  const equal = tensor([0.1, 0.1, 0.1])
  await expectClose(std(equal), [0])
  await expectClose(gradOf(std(equal), equal), [0, 0, 0])
})

test('var keeps its digits beside a large mean', async () => {
  // Here the mean of squares less the square of the mean is off by percents in float32.
  const x = tensor([256.25, 256, 255.5, 256.5])
  await expectClose(variance(x, undefined, false), [0.13671875])
  await expectClose(
    gradOf(variance(x), x),
    [0.1875, -0.0625, -0.5625, 0.4375].map((d) => (d * 2) / 3),
  )
})

test('norm of every p, with its gradient', async () => {
  const x = tensor([3, -4, 0])
  const cases: [p: number, value: number, gradient: number[]][] = [
    [0, 2, [0, 0, 0]],
    [1, 7, [1, -1, 0]],
    [2, 5, [0.6, -0.8, 0]],
    [3, 91 ** (1 / 3), [9 * 91 ** (-2 / 3), -16 * 91 ** (-2 / 3), 0]],
    [0.5, (Math.sqrt(3) + 2) ** 2, [(Math.sqrt(3) + 2) / Math.sqrt(3), -(Math.sqrt(3) + 2) / 2, 0]],
    [Infinity, 4, [0, -1, 0]],
    [-Infinity, 0, [0, 0, 0]],
  ]
  for (const [p, value, gradient] of cases) {
    await expectClose(x.norm(p), [value])
    await expectClose(gradOf(x.norm(p), x), gradient)
  }
  await expectClose(norm(tensor([2, -2]), -1), [1])
  await expectClose(norm(tensor(-3)), [3])
  await expectClose(norm(zeros([2, 0]), 2, 1), [0, 0])
  expect(norm(ones([2, 3, 4]), 2, [0, -1], true).shape).toEqual([1, 3, 1])
})

test('the gradient of a norm at a zero vector is 0 for every p, and so is the second', async () => {
  const x = zeros([3])
  for (const p of [0.5, 1, 1.5, 2, 3, Infinity]) {
    await expectClose(norm(x, p), [0])
    await expectClose(gradOf(norm(x, p), x), [0, 0, 0])
  }
  for (const p of [0.5, 1, 1.5, 3]) {
    const [g] = grad(norm(x, p), [x])
    await expectClose(gradOf(g!, x), [0, 0, 0])
  }
})

test('elements that tie for the largest share its gradient evenly, those that tie for the smallest too', async () => {
  const x = tensor([2, -2, 1, -1])
  await expectClose(gradOf(norm(x, Infinity), x), [0.5, -0.5, 0, 0])
  await expectClose(gradOf(norm(x, -Infinity), x), [0, 0, 0.5, -0.5])
})

test('distances: every p, batches that broadcast, no gradient between equal rows', async () => {
  const a = tensor([
    [0, 0],
    [3, 4],
  ])
  const b = tensor([[0, 0]])
  await expectClose(cdist(a, b), [0, 5])
  await expectClose(cdist(a, b, 1), [0, 7])
  await expectClose(cdist(a, b, 0), [0, 2])
  await expectClose(cdist(a, b, Infinity), [0, 4])
  await expectClose(gradOf(cdist(a, b), a), [0, 0, 0.6, 0.8])
  expect(cdist(ones([5, 1, 2, 3]), ones([4, 6, 3])).shape).toEqual([5, 4, 2, 6])
  expect(cdist(ones([0, 3]), ones([2, 3])).shape).toEqual([0, 2])
  expect(pairwiseDistance(a, b, { keepdim: true }).shape).toEqual([2, 1])
  await expectClose(pairwiseDistance(a, b, { eps: 0 }), [0, 5])
  await expectClose(pairwiseDistance(a, b, { eps: 1, p: 1 }), [2, 9])
})

test('normalize and cosineSimilarity: zero vectors give 0 and pass nothing on', async () => {
  const x = tensor([
    [3, 4],
    [0, 0],
  ])
  await expectClose(normalize(x), [0.6, 0.8, 0, 0])
  await expectClose(normalize(x, { p: 1, dim: -1 }), [3 / 7, 4 / 7, 0, 0])
  await expectClose(normalize(tensor([[1e-3, 0]]), { eps: 1 }), [1e-3, 0])
  await expectClose(gradOf(normalize(x).mul(tensor([1, 0])), x), [0.128, -0.096, 0, 0])
  const other = tensor([
    [4, 3],
    [1, 1],
  ])
  await expectClose(cosineSimilarity(x, other), [0.96, 0])
  const [ga, gb] = grad(cosineSimilarity(x, other).sum(), [x, other])
  await expectClose(ga!, [0.0448, -0.0336, 0, 0])
  await expectClose(gb!, [-0.0336, 0.0448, 0, 0])
  await expectClose(cosineSimilarity(tensor([3, 4]), x, { dim: -1 }), [1, 0])
  // A vector that is one number stretched.
  await expectClose(cosineSimilarity(tensor([[2]]), x, { dim: 1 }), [7 / (5 * Math.sqrt(2)), 0])
  await expectClose(cosineSimilarity(tensor(2), tensor(-3), { dim: 0 }), [-1])
})

const ERRORS: readonly (readonly [call: () => unknown, message: string])[] = [
  [() => prod(zeros([2, 3]), 2), 'prod: dim 2 is out of range, got [2, 3]. Use -2 to 1.'],
  [() => cumsum(zeros([3]), 1), 'cumsum: dim 1 is out of range, got [3]. Use 0 or -1.'],
  [() => cumprod(zeros([3]), -2), 'cumprod: dim -2 is out of range, got [3]. Use 0 or -1.'],
  [
    () => variance(zeros([2, 3]), [0, -2]),
    'var: a dim is named twice in [0, 0], got [2, 3]. Name each dim once.',
  ],
  [() => std(zeros([2, 3]), 3), 'std: dim 3 is out of range, got [2, 3]. Use -2 to 1.'],
  [
    () => norm(zeros([2]), Number.NaN),
    'norm: p must be a number, got NaN. Use 2 for the Euclidean norm, Infinity for the largest.',
  ],
  [
    () => norm(zeros([2, 0]), Infinity, 1),
    'norm: the Infinity-norm of no elements does not exist, got [2, 0] over dims [1]. Check the batch.',
  ],
  [() => max(zeros([2, 3]), 2), 'max: dim 2 is out of range, got [2, 3]. Use -2 to 1.'],
  [
    () => cdist(zeros([2, 3]), zeros([2, 4])),
    'cdist: the rows do not fit, got [2, 3] and [2, 4]. Expected [..., N, D] and [..., M, D].',
  ],
  [
    () => cdist(zeros([2, 3]), zeros([2, 3]), -1),
    'cdist: p must be at least 0, got -1. Use 2 for Euclidean distances.',
  ],
  [
    () => cdist(zeros([4, 2, 3]), zeros([5, 2, 3])),
    'cdist: shapes do not broadcast, got [4] and [5]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => pairwiseDistance(zeros([2, 3]), zeros([2, 4])),
    'pairwiseDistance: shapes do not broadcast, got [2, 3] and [2, 4]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => pairwiseDistance(tensor(1), tensor(2)),
    'pairwiseDistance: a scalar has no components, got [] and []. Use sub and abs.',
  ],
  [
    () => cosineSimilarity(zeros([2, 3]), zeros([2, 4])),
    'cosineSimilarity: shapes do not broadcast, got [2, 3] and [2, 4]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => cosineSimilarity(zeros([3]), zeros([3])),
    'cosineSimilarity: dim 1 is out of range, got [3]. Use 0 or -1.',
  ],
  [() => normalize(zeros([3])), 'normalize: dim 1 is out of range, got [3]. Use 0 or -1.'],
  [
    () => normalize(zeros([2, 3]), { eps: -1 }),
    'normalize: eps must be at least 0, got -1. Choose a small number.',
  ],
]

test.each(ERRORS.map(([call, message]) => ({ call, message })))('$message', ({ call, message }) => {
  expect(call).toThrow(expect.objectContaining({ message }))
})
