import { describe, expect, test } from 'vitest'
import { tensor } from '../../src/index.ts'
import { BatchNorm2d, Conv2d, channelShuffle, Module, Random, Sequential } from '../../src/nn/index.ts'
import type { Tensor } from '../../src/tensor.ts'

const relu = (x: Tensor) => x.relu()

describe('Sequential', () => {
  test('names its layers by their places, functions counted', () => {
    const layers = new Sequential([
      new Conv2d(1, 2, 3, { random: new Random(1), bias: false }),
      new BatchNorm2d(2),
      relu,
      new Sequential([new BatchNorm2d(2)]),
    ])
    expect([...layers.namedParameters().keys()]).toEqual([
      '0.weight',
      '1.weight',
      '1.bias',
      '3.0.weight',
      '3.0.bias',
    ])
  })

  test('runs them in order, and each may say what it saw', async () => {
    class Doubled extends Module {
      forward(x: Tensor, seen?: (x: Tensor) => void): Tensor {
        seen?.(x)
        return x.mul(2)
      }
    }
    const seen: Tensor[] = []
    const layers = new Sequential([new Doubled(), (x) => x.add(1), new Sequential([new Doubled()])])
    const x = tensor([1, 2])
    expect(await layers.forward(x, (y) => seen.push(y)).toArray()).toEqual([6, 10])
    expect(await Promise.all(seen.map((y) => y.toArray()))).toEqual([
      [1, 2],
      [3, 5],
    ])
    expect(await layers.forward(x).toArray()).toEqual([6, 10])
  })
})

describe('channelShuffle', () => {
  const x = tensor(
    Float32Array.from({ length: 12 }, (_, i) => i),
    [1, 6, 1, 2],
  )

  test('takes channels by turns from each group, as torch.nn.functional.channel_shuffle', async () => {
    const order = async (groups: number) =>
      Array.from(await channelShuffle(x, groups).data()).flatMap((v) => (v % 2 === 0 ? [v / 2] : []))
    expect(await order(2)).toEqual([0, 3, 1, 4, 2, 5])
    expect(await order(3)).toEqual([0, 2, 4, 1, 3, 5])
    expect(await order(1)).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('refuses groups that do not fit', () => {
    expect(() => channelShuffle(x, 4)).toThrow(
      'channelShuffle: the groups do not fit, got 4 for [1, 6, 1, 2]. Expected [N, C, H, W] with a C that they divide.',
    )
    expect(() => channelShuffle(tensor([1, 2]), 1)).toThrow('got 1 for [2].')
  })
})
