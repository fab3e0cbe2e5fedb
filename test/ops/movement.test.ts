import { describe, expect, test } from 'vitest'
import { plan } from '../../src/graph/compile/plan.ts'
import { walk } from '../../src/graph/compile/walk.ts'
import {
  chunk,
  diagonal,
  grad,
  pad,
  pixelShuffle,
  repeat,
  roll,
  select,
  split,
  stack,
  type Tensor,
  tensor,
  tril,
  triu,
  unfold,
  zeros,
} from '../../src/index.ts'
import type { AnyTensor } from '../../src/tensor.ts'

/** 0, 1, 2, ... in a shape. */
const counting = (shape: readonly number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => i),
    shape,
  )
const values = (list: readonly AnyTensor[]) => Promise.all(list.map((t) => t.toArray()))
const shapes = (list: readonly AnyTensor[]) => list.map((t) => t.shape)

describe('pieces', () => {
  test('split takes a size or sections, from a negative dim too', async () => {
    const x = counting([2, 5])
    expect(await values(split(x, 2, -1))).toEqual([
      [
        [0, 1],
        [5, 6],
      ],
      [
        [2, 3],
        [7, 8],
      ],
      [[4], [9]],
    ])
    expect(shapes(split(x, [0, 5], 1))).toEqual([
      [2, 0],
      [2, 5],
    ])
  })

  test('an empty dim splits into one empty part, and into as many empty chunks as asked', () => {
    expect(shapes(split(zeros([0, 2]), 3))).toEqual([[0, 2]])
    expect(shapes(split(zeros([0, 2]), 0))).toEqual([[0, 2]])
    expect(shapes(chunk(zeros([0, 2]), 2))).toEqual([
      [0, 2],
      [0, 2],
    ])
  })

  test('chunk gives fewer parts where the rounded size uses up the dim', () => {
    expect(shapes(chunk(zeros([5]), 4))).toEqual([[2], [2], [1]])
    expect(shapes(chunk(zeros([2]), 3))).toEqual([[1], [1]])
  })

  test('select counts from the end, and its gradient goes to the slice alone', async () => {
    const x = counting([2, 3])
    expect(await select(x, -1, -1).toArray()).toEqual([2, 5])
    expect(await grad(select(x, 0, 1).sum(), [x])[0]!.toArray()).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ])
  })

  test('labels and masks come in pieces too', async () => {
    const labels = tensor(Int32Array.of(3, 1, 2))
    expect(await values(labels.split(2))).toEqual([[3, 1], [2]])
    expect(labels.select(0, 0).dtype).toBe('int')
  })
})

describe('rearranging', () => {
  test('repeat adds dims in front, and none or zero times is allowed', async () => {
    expect(await repeat(tensor([1, 2]), [2, 2]).toArray()).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ])
    expect(await repeat(tensor([5], []), [3]).toArray()).toEqual([5, 5, 5])
    expect(repeat(tensor([5], []), []).shape).toEqual([])
    const none = repeat(counting([2, 3]), [2, 0])
    expect(none.shape).toEqual([4, 0])
    expect(await none.toArray()).toEqual([[], [], [], []])
  })

  test('the gradient of nothing repeated is zero', async () => {
    const x = counting([2])
    expect(await grad(repeat(x, [0]).sum(), [x])[0]!.toArray()).toEqual([0, 0])
  })

  test('roll wraps around either way, along several dims, or as one line', async () => {
    const x = counting([2, 3])
    expect(await roll(x, -7, 1).toArray()).toEqual([
      [1, 2, 0],
      [4, 5, 3],
    ])
    expect(await roll(x, [1, 1], [0, 1]).toArray()).toEqual([
      [5, 3, 4],
      [2, 0, 1],
    ])
    expect(await roll(x, 2).toArray()).toEqual([
      [4, 5, 0],
      [1, 2, 3],
    ])
    expect(await roll(tensor([7], []), 3).toArray()).toBe(7)
    expect(roll(zeros([0, 2]), 1, 0).shape).toEqual([0, 2])
  })

  test('pixelShuffle spreads r * r channels over the plane', async () => {
    expect(await pixelShuffle(counting([4, 1, 2]), 2).toArray()).toEqual([
      [
        [0, 2, 1, 3],
        [4, 6, 5, 7],
      ],
    ])
  })
})

describe('triangles and diagonals', () => {
  test('tril and triu keep what they say, whatever stands elsewhere', async () => {
    const x = tensor([
      [1, Number.NaN],
      [3, 4],
    ])
    expect(await tril(x).toArray()).toEqual([
      [1, 0],
      [3, 4],
    ])
    expect(await triu(counting([2, 3]), -1).toArray()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ])
    expect(await triu(counting([2, 3]), 5).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
  })

  test('a mask stays a mask', async () => {
    const causal = tensor([
      [true, true],
      [true, true],
    ]).tril()
    expect(causal.dtype).toBe('bool')
    expect(await causal.toArray()).toEqual([
      [1, 0],
      [1, 1],
    ])
  })

  test('batches of matrices, empty ones included', async () => {
    expect(
      await tril(counting([2, 2, 2]))
        .flatten()
        .toArray(),
    ).toEqual([0, 0, 2, 3, 4, 0, 6, 7])
    expect(tril(zeros([0, 3])).shape).toEqual([0, 3])
  })

  test('the gradient of a diagonal goes back to it, that of an empty one nowhere', async () => {
    const x = counting([2, 3])
    expect(await grad(diagonal(x, 1).square().sum(), [x])[0]!.toArray()).toEqual([
      [0, 2, 0],
      [0, 0, 10],
    ])
    const nowhere = [-2, 3, 7].map((offset) => diagonal(x, offset)).concat(x.slice([null, [1, 1, 2]]))
    for (const y of nowhere) expect(await grad(y.sum(), [x])[0]!.sum().item()).toBe(0)
  })

  test('diagonal takes an offset to either side and any two dims', async () => {
    const x = counting([3, 4])
    expect(await diagonal(x).toArray()).toEqual([0, 5, 10])
    expect(await diagonal(x, 2).toArray()).toEqual([2, 7])
    expect(await diagonal(x, -1).toArray()).toEqual([4, 9])
    expect(await diagonal(x, 4).toArray()).toEqual([])
    expect(await diagonal(x.transpose(), 1).toArray()).toEqual([4, 9])
    expect(await diagonal(counting([2, 2, 3]), 0, -2, -1).toArray()).toEqual([
      [0, 4],
      [6, 10],
    ])
    expect(await diagonal(counting([2, 2, 2]), 0, 2, 0).toArray()).toEqual([
      [0, 5],
      [2, 7],
    ])
  })
})

describe('padding', () => {
  const x = counting([4])

  test('reflect, replicate and circular', async () => {
    expect(await pad(x, [3, 2], { mode: 'reflect' }).toArray()).toEqual([3, 2, 1, 0, 1, 2, 3, 2, 1])
    expect(await pad(x, [2, 1], { mode: 'replicate' }).toArray()).toEqual([0, 0, 0, 1, 2, 3, 3])
    expect(await pad(x, [1, 4], { mode: 'circular' }).toArray()).toEqual([3, 0, 1, 2, 3, 0, 1, 2, 3])
  })

  test('what is cropped is mirrored all the same', async () => {
    expect(await pad(x, [-2, 3], { mode: 'reflect' }).toArray()).toEqual([2, 3, 2, 1, 0])
    expect(await pad(x, [-1, -1], { mode: 'replicate' }).toArray()).toEqual([1, 2])
  })

  test('replicated elements collect their gradients', async () => {
    expect(await grad(pad(x, [2, 1], { mode: 'replicate' }).sum(), [x])[0]!.toArray()).toEqual([3, 1, 1, 2])
  })

  test('infinities stand around finite numbers', async () => {
    const padded = pad(x, [1, 0], { value: Number.NEGATIVE_INFINITY })
    expect(await padded.toArray()).toEqual([Number.NEGATIVE_INFINITY, 0, 1, 2, 3])
    expect(await grad(padded.slice([[1]]).sum(), [x])[0]!.toArray()).toEqual([1, 1, 1, 1])
  })

  test('labels and masks are padded by 0 and by themselves', async () => {
    const labels = tensor(Int32Array.of(3, 1))
    expect(await labels.pad([0, 1]).toArray()).toEqual([3, 1, 0])
    expect(await labels.pad([1, 1], { mode: 'circular' }).data()).toEqual(Int32Array.of(1, 3, 1, 3))
  })

  test('an empty batch passes', () => {
    expect(pad(zeros([0, 1, 3]), [1, 1], { mode: 'reflect' }).shape).toEqual([0, 1, 5])
  })
})

describe('patches', () => {
  test('unfold gives windows as columns, channels by rows by columns', async () => {
    expect(await unfold(counting([1, 3, 3]), 2).toArray()).toEqual([
      [0, 1, 3, 4],
      [1, 2, 4, 5],
      [3, 4, 6, 7],
      [4, 5, 7, 8],
    ])
    expect(
      unfold(zeros([2, 3, 7, 9]), [2, 3], { stride: [2, 1], padding: [1, 0], dilation: 2 }).shape,
    ).toEqual([2, 18, 20])
    expect(unfold(zeros([0, 3, 4, 4]), 2).shape).toEqual([0, 12, 9])
  })

  test('an element gets the gradient of every window that holds it', async () => {
    const x = counting([1, 3, 3])
    expect(await grad(unfold(x, 2).sum(), [x])[0]!.toArray()).toEqual([
      [
        [1, 2, 1],
        [2, 4, 2],
        [1, 2, 1],
      ],
    ])
  })
})

describe('views copy nothing', () => {
  const x = counting([4, 4])
  const kernels = (y: AnyTensor) => plan([y], walk([y]), null).steps.length

  test.each([
    ['split', x.split(3, 1)[0]!],
    ['chunk', x.chunk(2)[1]!],
    ['select', x.select(1, 2)],
    ['diagonal', x.diagonal(1)],
    ['repeat before a new dim', x.repeat([3, 1, 1])],
    ['squeeze', x.unsqueeze(1).squeeze([1])],
  ])('%s runs in the kernel that reads it', (_, view) => {
    expect(kernels(view.exp())).toBe(1)
  })

  test.each([
    ['roll', x.roll(1, 0)],
    ['repeat', x.repeat([2, 2])],
    ['tril', x.tril()],
    ['unfold', unfold(x.unsqueeze(0), 2)],
    ['pixelShuffle', pixelShuffle(x.reshape([4, 2, 2]), 2)],
    ['pad by a number', x.pad([1, 1], { value: 2 })],
  ])('%s is one kernel', (_, y) => {
    expect(kernels(y)).toBe(1)
  })

  test('another diagonal or padding value compiles nothing new', () => {
    const key = (y: AnyTensor) => walk([y]).key
    expect(key(x.tril(1))).toBe(key(x.tril(-2)))
    expect(key(x.pad([1, 1], { value: 2 }))).toBe(key(x.pad([1, 1], { value: 3 })))
  })
})

describe('errors', () => {
  const labels = tensor(Int32Array.of(0, 1))

  test.each<[call: () => unknown, message: string]>([
    [
      () => split(zeros([5]), [2, 2]),
      'split: the sections do not add up, got [2, 2] for dim 0 of [5]. Give sizes whose sum is 5.',
    ],
    [
      () => split(zeros([5]), 0),
      'split: the size of a part must be a positive integer, got 0 for [5]. Give at least 1.',
    ],
    [() => split(zeros([]), 1), 'split: a scalar has no dim to take from, got []. Reshape it to [1] first.'],
    [() => split(zeros([5]), 1, 1), 'split: dim 1 is out of range, got [5]. Use 0 or -1.'],
    [() => chunk(zeros([5]), 0), 'chunk: chunks must be a positive integer, got 0 for [5]. Give at least 1.'],
    [
      () => select(zeros([2, 3]), 1, 3),
      'select: index 3 is out of range for dim 1, got [2, 3]. Use -3 to 2.',
    ],
    [() => select(zeros([0]), 0, 0), 'select: index 0 is out of range for dim 0, got [0]. The dim is empty.'],
    [
      () => repeat(zeros([2, 3]), [2]),
      'repeat: the repeats do not fit, got [2] for [2, 3]. Give an integer of at least 0 for each dim.',
    ],
    [() => roll(zeros([3]), 0.5), 'roll: shifts must be integers, got [0.5] for [3]. Round them.'],
    [
      () => roll(zeros([2, 3]), [1, 2], 0),
      'roll: there must be one shift per dim, got shifts [1, 2] and dims [0] for [2, 3]. Give as many of each.',
    ],
    [() => roll(zeros([3]), 1, 1), 'roll: dim 1 is out of range, got [3]. Use 0 or -1.'],
    [() => roll(zeros([]), 1, 0), 'roll: a scalar has no dim to roll along, got []. Leave out dims.'],
    ...(['tril', 'triu', 'diagonal'] as const).flatMap((name): [() => unknown, string][] => [
      [
        () => zeros([3])[name](),
        `${name}: expected at least two dims, got [3]. Give a matrix [rows, columns].`,
      ],
      [
        () => zeros([3, 3])[name](0.5),
        `${name}: a diagonal's number must be an integer, got 0.5 for [3, 3]. Round it.`,
      ],
    ]),
    [
      () => diagonal(zeros([2, 2]), 0, 1, -1),
      'diagonal: dim1 and dim2 are both dim 1, got [2, 2]. Name two different dims.',
    ],
    [
      () => pad(zeros([3]), [1, 1], { mode: 'mirror' as never }),
      'pad: there is no mode mirror, got [3]. Choose constant, reflect, replicate or circular.',
    ],
    [
      () => pad(zeros([2, 3]), [3, 0], { mode: 'reflect' }),
      'pad: mode reflect has too little to repeat, got [3, 0] for [2, 3]. Pad dim 1 by at most 2.',
    ],
    [
      () => pad(zeros([2, 3]), [0, 4], { mode: 'circular' }),
      'pad: mode circular has too little to repeat, got [0, 4] for [2, 3]. Pad dim 1 by at most 3.',
    ],
    [
      () => pad(zeros([0]), [1, 0], { mode: 'replicate' }),
      'pad: mode replicate has too little to repeat, got [1, 0] for [0]. Pad dim 0 by 0.',
    ],
    [
      () => pad(labels, [1, 0], { value: 7 }),
      'pad: only 0 can stand around int tensors, got 7 for [2]. Convert it with toFloat().',
    ],
    [
      () => unfold(zeros([2, 2]), 1),
      'unfold: wrong number of dims, got [2, 2]. Expected an input [N, C, H, W] or [C, H, W]; add or drop dims with reshape.',
    ],
    [
      () => unfold(zeros([1, 2, 2]), 0),
      'unfold: sizes must be integers of at least 1, got [0, 0]. Check the shape.',
    ],
    [
      () => unfold(zeros([1, 2, 2]), 3),
      'unfold: the window is larger than the padded plane, got [3, 3] on [2, 2]. Use a smaller kernel or more padding.',
    ],
    [
      () => unfold(zeros([1, 2, 2]), 1, { stride: 0 }),
      'unfold: stride and dilation must be positive integers and padding one of at least 0, got stride [0, 0], padding [0, 0], dilation [1, 1]. Change the settings.',
    ],
    [
      () => pixelShuffle(zeros([3, 2, 2]), 2),
      'pixelShuffle: the channels do not fit, got [3, 2, 2] for upscaleFactor 2. Expected [..., C, H, W] with C a multiple of 4.',
    ],
    [
      () => pixelShuffle(zeros([4, 2, 2]), 1.5),
      'pixelShuffle: upscaleFactor must be a positive integer, got 1.5 for [4, 2, 2]. Give at least 1.',
    ],
    [() => zeros([2, 3]).flatten(1, 0), 'flatten: startDim 1 comes after endDim 0, got [2, 3]. Swap them.'],
    [
      () => zeros([3]).expand([-1, 3]),
      'expand: sizes must be integers of at least 0, got [-1, 3]. Check the shape.',
    ],
    [
      () => zeros([3]).slice([[0.5]]),
      'slice: positions must be integers, got 0.5 to 3 along dim 0 of [3]. Round them.',
    ],
    [() => zeros([2, 1]).squeeze([0, 2]), 'squeeze: dim 2 is out of range, got [2, 1]. Use -2 to 1.'],
    [() => stack([]), 'stack: nothing to join, got no tensors. Give at least one.'],
    [() => stack([zeros([2])], 2), 'stack: dim 2 is out of range, got [2, 1]. Use -2 to 1.'],
  ])('%#: %s', (call, message) => {
    expect(call).toThrow(new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`))
  })
})
