import { describe, expect, test } from 'vitest'
import {
  batchNorm,
  dropout,
  full,
  grad,
  groupNorm,
  instanceNorm,
  layerNorm,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.ts'
import { Random } from '../../src/random.ts'
import { closeness } from '../support/closeness.ts'

const drawn = (seed: number, shape: readonly number[]): Tensor =>
  tensor(
    new Random(seed).normals(
      shape.reduce((product, n) => product * n, 1),
      5,
      2,
    ),
    shape,
  )
const values = async (x: Tensor) => Array.from(await x.data())

describe('the normalisations agree where they mean the same', () => {
  const x = drawn(1, [2, 4, 3, 5])

  test.each<[string, (x: Tensor) => Tensor, (x: Tensor) => Tensor]>([
    ['one group and a layer', (x) => groupNorm(x, 1), (x) => layerNorm(x, [4, 3, 5])],
    ['a group per channel and an instance', (x) => groupNorm(x, 4), (x) => instanceNorm(x)],
    [
      'an instance and a batch of one',
      (x) => instanceNorm(x),
      (x) => batchNorm(x.reshape([1, 8, 3, 5]), { training: true }).y.reshape(x.shape),
    ],
  ])('%s', async (_, one, other) => {
    const [a, b] = [one(x), other(x)]
    expect(closeness(await a.data(), await b.data())).toBeLessThan(1)
    const by = drawn(2, x.shape)
    const [da, db] = [grad(a.mul(by).sum(), [x])[0]!, grad(b.mul(by).sum(), [x])[0]!]
    expect(closeness(await da.data(), await db.data())).toBeLessThan(1)
  })
})

test('layerNorm gives mean 0 and variance 1, before weight and bias', async () => {
  const x = drawn(3, [3, 8])
  const y = await values(layerNorm(x, [8], { eps: 0 }))
  for (const row of [0, 1, 2]) {
    const line = y.slice(row * 8, row * 8 + 8)
    expect(line.reduce((s, v) => s + v, 0)).toBeCloseTo(0, 12)
    expect(line.reduce((s, v) => s + v * v, 0)).toBeCloseTo(8, 12)
  }
  const shifted = layerNorm(x, [8], { eps: 0, weight: full([8], 3), bias: full([8], -1) })
  expect(
    closeness(
      await shifted.data(),
      y.map((v) => 3 * v - 1),
    ),
  ).toBeLessThan(1)
})

test('what is constant gives the bias, with finite gradients', async () => {
  const bias = tensor([1, 2])
  const x = full([2, 2, 3], 7)
  for (const y of [groupNorm(x, 2, { bias }), instanceNorm(x, { bias })]) {
    expect(await values(y)).toEqual([1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2])
    const [dx] = grad(y.square().sum(), [x])
    expect((await values(dx!)).every(Number.isFinite)).toBe(true)
  }
  expect(await values(layerNorm(full([1, 2], 7), [2], { bias }))).toEqual([1, 2])
  expect(await values(layerNorm(full([2, 1], 7), [1]))).toEqual([0, 0])
})

test('a gradient that is the same everywhere leaves no rounding', async () => {
  const x = tensor([0.1, 0.2, 0.4, 0.7, 1.1, 1.3, -0.3], [7, 1])
  const weight = tensor([1.7])
  const { y } = batchNorm(x, { weight, training: true })
  const [dx, dw] = grad(y.sum(), [x, weight])
  expect((await values(dx!)).map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0, 0])
  expect(Math.abs(await dw!.item())).toBe(0)
})

test('an empty batch gives an empty batch', () => {
  expect(layerNorm(zeros([0, 4]), [4]).shape).toEqual([0, 4])
  expect(groupNorm(zeros([0, 4, 3]), 2).shape).toEqual([0, 4, 3])
  expect(instanceNorm(zeros([0, 4, 3])).shape).toEqual([0, 4, 3])
})

describe('dropout', () => {
  const x = full([4, 50], 3)

  test('zeroes some and scales the rest, and so does the gradient', async () => {
    const y = dropout(x, 0.25, { random: new Random(1) })
    const found = await values(y)
    expect([...new Set(found)].sort()).toEqual([0, 4])
    const zeroed = found.filter((v) => v === 0).length
    expect(zeroed).toBeGreaterThan(25)
    expect(zeroed).toBeLessThan(75)
    const [dx] = grad(y.sum(), [x])
    expect(await values(dx!)).toEqual(found.map((v) => v / 3))
  })

  test('the state of the generator fixes the mask', async () => {
    const masks = (random: Random) => Promise.all([0, 1].map(() => values(dropout(x, undefined, { random }))))
    const [a, b] = await masks(new Random(2))
    expect(await masks(new Random(2))).toEqual([a, b])
    expect(a).not.toEqual(b)
  })

  test('is the identity for p = 0 and outside training, and 0 for p = 1', async () => {
    expect(dropout(x, 0)).toBe(x)
    expect(dropout(x, 0.5, { training: false })).toBe(x)
    expect(new Set(await values(dropout(x, 1, { random: new Random(3) })))).toEqual(new Set([0]))
  })
})

describe('what makes no sense', () => {
  const x = zeros([2, 4, 3])
  test.each<[() => unknown, string]>([
    [
      () => layerNorm(x, [4]),
      'layerNorm: the input does not end in the normalised shape, got [2, 4, 3] and [4]. Name the last sizes of the input.',
    ],
    [
      () => layerNorm(x, []),
      'layerNorm: the input does not end in the normalised shape, got [2, 4, 3] and []. Name the last sizes of the input.',
    ],
    [
      () => layerNorm(x, [4, 3], { weight: zeros([3]) }),
      'layerNorm: weight and bias have the normalised shape, got [3] and [4, 3]. Expected [4, 3].',
    ],
    [
      () => groupNorm(zeros([4]), 2),
      'groupNorm: wrong number of dims, got [4]. Expected [N, C] or [N, C, ...]; add dims with reshape.',
    ],
    [
      () => groupNorm(x, 3),
      'groupNorm: 4 channels cannot be shared out, got 3 groups. Choose a number that divides 4.',
    ],
    [
      () => groupNorm(x, 2, { bias: zeros([2]) }),
      'groupNorm: weight and bias hold one value per channel, got [2] and [2, 4, 3]. Expected [4].',
    ],
    [
      () => groupNorm(zeros([1, 4]), 4),
      'groupNorm: a group needs more than one value, got [1, 4] in 4 groups. Use fewer groups.',
    ],
    [
      () => instanceNorm(zeros([2, 4])),
      'instanceNorm: wrong number of dims, got [2, 4]. Expected [N, C, ...]; add dims with reshape.',
    ],
    [
      () => instanceNorm(x, { weight: zeros([3]) }),
      'instanceNorm: weight and bias hold one value per channel, got [3] and [2, 4, 3]. Expected [4].',
    ],
    [
      () => instanceNorm(zeros([2, 4, 1])),
      'instanceNorm: a channel needs more than one value, got [2, 4, 1]. Use larger planes.',
    ],
    [
      () => dropout(x, 1.5, { random: new Random(0) }),
      'dropout: the probability must be between 0 and 1, got 1.5. Choose another p.',
    ],
    [
      () => dropout(x),
      'dropout: training needs a generator for the mask, got none. Pass random: new Random(seed).',
    ],
  ])('%s', (run, message) => {
    expect(run).toThrow(message)
  })
})
