import { expect, test } from 'vitest'
import { grad, ones, sort, tensor, topk, zeros } from '../../src/index.ts'

const { NaN: nan, POSITIVE_INFINITY: inf } = Number

test('sort is stable in both directions', async () => {
  const x = tensor([2, 1, 2, 1, 3])
  const up = sort(x)
  expect(await up.values.toArray()).toEqual([1, 1, 2, 2, 3])
  expect(await up.indices.toArray()).toEqual([1, 3, 0, 2, 4])
  expect(up.indices.dtype).toBe('int')
  const down = x.sort(0, true)
  expect(await down.values.toArray()).toEqual([3, 2, 2, 1, 1])
  expect(await down.indices.toArray()).toEqual([4, 0, 2, 1, 3])
})

test('NaN is the largest of all, as in PyTorch; infinities are in their places', async () => {
  const x = tensor([1, nan, -inf, inf, nan])
  expect(await sort(x).indices.toArray()).toEqual([2, 0, 3, 1, 4])
  expect(await sort(x, -1, true).indices.toArray()).toEqual([1, 4, 3, 0, 2])
  expect(await topk(x, 3).indices.toArray()).toEqual([1, 4, 3])
  expect(await topk(x, 2, 0, false).values.toArray()).toEqual([-inf, 1])
})

test('sort and topk run along any dim', async () => {
  const x = tensor([
    [3, 1, 2],
    [1, 2, 0],
  ])
  expect(await sort(x, 0).values.toArray()).toEqual([
    [1, 1, 0],
    [3, 2, 2],
  ])
  expect(await x.topk(2).values.toArray()).toEqual([
    [3, 2],
    [2, 1],
  ])
  expect(await x.topk(1, 0, false).indices.toArray()).toEqual([[1, 0, 1]])
  expect(await sort(x.transpose(), -2).values.toArray()).toEqual([
    [1, 0],
    [2, 1],
    [3, 2],
  ])
})

test('a scalar, one element, nothing, and k of 0', async () => {
  const scalar = sort(tensor(4))
  expect([await scalar.values.item(), await scalar.indices.item()]).toEqual([4, 0])
  expect(await sort(ones([2, 1])).indices.toArray()).toEqual([[0], [0]])
  expect((await sort(zeros([2, 0])).values.data()).length).toBe(0)
  expect(topk(ones([2, 3]), 0).values.shape).toEqual([2, 0])
})

test('the gradient goes to where the values came from', async () => {
  const x = tensor([3, 1, 2])
  const weights = tensor([10, 20, 30])
  expect(await grad(sort(x).values.mul(weights).sum(), [x])[0]!.toArray()).toEqual([30, 10, 20])
  expect(await grad(topk(x, 2).values.sum(), [x])[0]!.toArray()).toEqual([1, 0, 1])
})

test('long lines agree with the sort of JavaScript', async () => {
  const n = 1003
  const values = Array.from({ length: n }, (_, i) => (i * 7919) % 997)
  const wanted = values.map((v, i) => ({ v, i })).sort((a, b) => a.v - b.v || a.i - b.i)
  expect(Array.from(await sort(tensor(values)).indices.data())).toEqual(wanted.map(({ i }) => i))
})

const ERRORS: readonly (readonly [call: () => unknown, message: string])[] = [
  [() => sort(zeros([2, 3]), 2), 'sort: dim 2 is out of range, got [2, 3]. Use -2 to 1.'],
  [() => topk(zeros([2, 3]), 1, -3), 'topk: dim -3 is out of range, got [2, 3]. Use -2 to 1.'],
  [
    () => topk(zeros([2, 3]), 4),
    'topk: k must be an integer from 0 to 3, got 4 for [2, 3] along dim 1. Choose fewer.',
  ],
  [
    () => topk(zeros([2, 3]), 1.5, 0),
    'topk: k must be an integer from 0 to 2, got 1.5 for [2, 3] along dim 0. Choose fewer.',
  ],
  [
    () => sort(tensor([1, 2], [2], 'int') as never),
    'sort: expected a float tensor, got int [2]. Convert it with toFloat().',
  ],
]

test.each(ERRORS.map(([call, message]) => ({ call, message })))('$message', ({ call, message }) => {
  expect(call).toThrow(expect.objectContaining({ message }))
})
