import { describe, expect, test } from 'vitest'
import {
  argmax,
  argmin,
  cat,
  embedding,
  gather,
  grad,
  gradcheck,
  hvp,
  indexAdd,
  indexSelect,
  maskedSelect,
  oneHot,
  stack,
  tensor,
  zeros,
} from '../../src/index.ts'

const int = (...values: number[]) => tensor(Int32Array.from(values))

describe('joining', () => {
  test('a tensor of shape [0] joins anything, as in PyTorch', async () => {
    expect(await cat([zeros([0]), tensor([[1, 2]]), zeros([0])], 0).toArray()).toEqual([[1, 2]])
    expect(cat([zeros([0]), zeros([0])]).shape).toEqual([0])
    expect(await cat([zeros([2, 0]), tensor([[1], [2]])], 1).toArray()).toEqual([[1], [2]])
  })

  test('scalars stack, more than a kernel can read at once', async () => {
    const ten = Array.from({ length: 10 }, (_, i) => tensor([i], []))
    expect(await stack(ten).toArray()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('labels stay labels', () => {
    expect(cat([int(1), int(2, 3)]).dtype).toBe('int')
  })
})

describe('looking up', () => {
  const x = tensor([
    [0, 1, 2],
    [3, 4, 5],
  ])

  test('indexSelect takes slices in any order and number, along a negative dim too', async () => {
    expect(await indexSelect(x, -1, int(2, 0, 2, 2)).toArray()).toEqual([
      [2, 0, 2, 2],
      [5, 3, 5, 5],
    ])
    expect(indexSelect(x, 0, int()).shape).toEqual([0, 3])
    expect(await indexSelect(x, 0, tensor([1], [], 'int')).toArray()).toEqual([[3, 4, 5]])
  })

  test('a slice taken twice gets both gradients', async () => {
    expect(await grad(indexSelect(x, 1, int(2, 0, 2)).sum(), [x])[0]!.toArray()).toEqual([
      [1, 0, 2],
      [1, 0, 2],
    ])
    expect(await grad(indexSelect(x, 1, int()).sum(), [x])[0]!.toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
  })

  test('a batch is shuffled with its labels and masks', async () => {
    expect(
      await int(7, 8, 9)
        .indexSelect(0, int(2, 0, 1))
        .data(),
    ).toEqual(Int32Array.of(9, 7, 8))
    expect(await tensor([true, false]).indexSelect(0, int(1, 0)).data()).toEqual(Uint8Array.of(0, 1))
    expect(await gather(int(7, 8, 9), 0, int(1, 1)).data()).toEqual(Int32Array.of(8, 8))
  })

  test('indexAdd adds alpha times each slice, twice where a place is named twice', async () => {
    const source = tensor([[1], [10], [100]]).expand([3, 3])
    expect(await indexAdd(x, 0, int(1, 1, 0), source, { alpha: 2 }).toArray()).toEqual([
      [200, 201, 202],
      [25, 26, 27],
    ])
  })

  test('embedding takes an index of any shape', async () => {
    expect(await embedding(tensor([1], [], 'int'), x).toArray()).toEqual([3, 4, 5])
    expect(embedding(tensor(new Int32Array(6), [1, 2, 3]), x).shape).toEqual([1, 2, 3, 3])
  })

  test.each([1, -1])(
    'row paddingIdx %i is read, and receives no gradient of any order',
    async (paddingIdx) => {
      const found = embedding(int(1, 0, 1), x, { paddingIdx })
      expect(await found.toArray()).toEqual([
        [3, 4, 5],
        [0, 1, 2],
        [3, 4, 5],
      ])
      const loss = found.square().sum()
      expect(await grad(loss, [x])[0]!.toArray()).toEqual([
        [0, 2, 4],
        [0, 0, 0],
      ])
      expect(await hvp(loss, [x], [zeros([2, 3]).add(1)])[0]!.toArray()).toEqual([
        [2, 2, 2],
        [0, 0, 0],
      ])
    },
  )
})

describe('maskedSelect', () => {
  const x = tensor([
    [0, 1, 2],
    [3, 4, 5],
  ])

  test('takes the elements in order; x and the mask broadcast', async () => {
    const rows = tensor([[false], [true]])
    expect(await maskedSelect(x, rows).toArray()).toEqual([3, 4, 5])
    expect(
      await maskedSelect(
        tensor([1, 2]),
        tensor([
          [true, false],
          [true, true],
        ]),
      ).toArray(),
    ).toEqual([1, 1, 2])
    expect(await maskedSelect(int(7, 8), tensor([false, true])).data()).toEqual(Int32Array.of(8))
    expect(await maskedSelect(tensor([4], []), tensor(Uint8Array.of(1), [])).toArray()).toEqual([4])
  })

  test('puts gradients back where elements came from, to second order', async () => {
    const mask = tensor([
      [true, false, true],
      [false, false, true],
    ])
    expect(await grad(maskedSelect(x, mask).square().sum(), [x])[0]!.toArray()).toEqual([
      [0, 0, 4],
      [0, 0, 10],
    ])
    const report = await gradcheck((t) => maskedSelect(t, mask).exp(), [x], { order: 2 })
    expect(report.ok, String(report)).toBe(true)
  })

  test('takes nothing where the mask is empty or unset', async () => {
    const none = maskedSelect(x, tensor(new Uint8Array(6), [2, 3]))
    expect(await none.toArray()).toEqual([])
    expect(await grad(none.sum(), [x])[0]!.toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
    expect(maskedSelect(zeros([0]), tensor(new Uint8Array(0))).shape).toEqual([0])
  })

  test('a computed mask is awaited, as its error says', async () => {
    const mask = x.gt(2.5)
    expect(() => maskedSelect(x, mask)).toThrow('is not computed yet')
    expect(await maskedSelect(x, tensor(await mask.data(), mask.shape)).toArray()).toEqual([3, 4, 5])
  })

  test('numbers where a mask belongs do not compile', () => {
    // @ts-expect-error: a mask is a bool tensor
    expect(() => maskedSelect(x, x)).toThrow('maskedSelect: expected a bool tensor')
    // @ts-expect-error: an index is an int tensor
    expect(() => indexSelect(x, 0, x)).toThrow('indexSelect: expected an int tensor')
    // @ts-expect-error: an index is an int tensor
    expect(() => embedding(x, x)).toThrow('embedding: expected an int tensor')
  })
})

describe('positions', () => {
  test('the first of equals, and NaN before all', async () => {
    expect(await argmax(tensor([1, 3, 3])).item()).toBe(1)
    expect(await argmin(tensor([2, 1, 1]), -1, true).toArray()).toEqual([1])
    expect(await argmax(tensor([1, Number.NaN, 3])).item()).toBe(1)
  })

  test('oneHot adds a dim to labels of any rank', async () => {
    expect(await oneHot(tensor([1], [], 'int'), 2).toArray()).toEqual([0, 1])
    expect(oneHot(tensor(new Int32Array(6), [2, 3]), 4).shape).toEqual([2, 3, 4])
    expect(oneHot(int(), 4).shape).toEqual([0, 4])
  })
})

describe('errors', () => {
  const x = zeros([2, 3])

  test.each<[call: () => unknown, message: string]>([
    [() => cat([zeros([]), zeros([])]), 'cat: scalars have no dim to be joined along, got []. Use stack.'],
    [
      () => indexSelect(x, 0, tensor(new Int32Array(2), [1, 2])),
      'indexSelect: the index must have one dim, got [1, 2]. Use gather, or flatten it.',
    ],
    [
      () => indexSelect(x, 1, int(0, 3)),
      'indexSelect: index 3 is out of range for size 3, got [2]. Use 0 to 2.',
    ],
    [
      () => indexSelect(zeros([]), 0, int(0)),
      'indexSelect: a scalar has no dim to choose from, got []. Reshape it to [1] first.',
    ],
    [() => indexSelect(x, 2, int(0)), 'indexSelect: dim 2 is out of range, got [2, 3]. Use -2 to 1.'],
    [
      () => indexSelect(x, 0, x as never),
      "indexSelect: expected an int tensor, got float [2, 3]. Make it with tensor(values, shape, 'int').",
    ],
    [
      () => indexAdd(x, 0, int(0, 1, 0), zeros([2, 3])),
      'indexAdd: the source does not fit, got [2, 3] and [2, 3] with 3 indices along dim 0. Expected [3, 3].',
    ],
    [
      () => indexAdd(x, 0, int(0, 2), zeros([2, 3])),
      'indexAdd: index 2 is out of range for size 2, got [2]. Use 0 to 1.',
    ],
    [() => embedding(int(0, 2), x), 'embedding: index 2 is out of range for size 2, got [2]. Use 0 to 1.'],
    [() => embedding(int(0), zeros([3])), 'embedding: expected a weight [rows, width], got [3]. Reshape it.'],
    [
      () => embedding(int(0), x, { paddingIdx: 2 }),
      'embedding: paddingIdx 2 is out of range, got a weight [2, 3]. Use -2 to 1.',
    ],
    [
      () => maskedSelect(x, x.gt(0)),
      'maskedSelect: the mask decides the shape and is not computed yet, got gt[2, 3]. Give it as tensor(await mask.data(), mask.shape), or keep the shape with where.',
    ],
    [
      () => maskedSelect(x, tensor([true, false])),
      'maskedSelect: shapes do not broadcast, got [2, 3] and [2]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
    ],
    [
      () => maskedSelect(x, x as never),
      "maskedSelect: expected a bool tensor, got float [2, 3]. Make it with tensor(values, shape, 'bool').",
    ],
  ])('%#: %s', (call, message) => {
    expect(call).toThrow(new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`))
  })
})
