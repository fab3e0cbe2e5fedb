import { describe, expect, test } from 'vitest'
import { Conv2d, kaimingUniform, Linear } from '../../src/nn/index.ts'
import { Random } from '../../src/random.ts'

describe('kaimingUniform', () => {
  test('fills [-1 / sqrt(fanIn), 1 / sqrt(fanIn)) evenly, as PyTorch does by default', () => {
    const values = Array.from(kaimingUniform(new Random(1), [64, 16, 3, 3]).host!)
    const bound = 1 / Math.sqrt(16 * 9)
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length
    const variance = values.reduce((sum, v) => sum + v * v, 0) / values.length
    expect(Math.max(...values)).toBeLessThanOrEqual(bound)
    expect(Math.max(...values)).toBeGreaterThan(0.999 * bound)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-bound)
    expect(Math.min(...values)).toBeLessThan(-0.999 * bound)
    // 9,216 draws: the mean has a standard deviation of 0.006 bounds, the variance of 0.0093 of its value.
    expect(Math.abs(mean)).toBeLessThan(0.03 * bound)
    expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(0.05)
  })

  test('has PyTorch’s gain for other slopes', () => {
    const values = Array.from(kaimingUniform(new Random(1), [100, 50], 0).host!)
    expect(Math.max(...values)).toBeLessThanOrEqual(Math.sqrt(6 / 50))
    expect(Math.max(...values)).toBeGreaterThan(0.99 * Math.sqrt(6 / 50))
  })
})

describe.each([
  ['Linear', (seed: number) => new Linear(7, 5, { random: new Random(seed) })],
  ['Conv2d', (seed: number) => new Conv2d(4, 6, 3, { random: new Random(seed), groups: 2 })],
] as const)('%s', (_, make) => {
  const hosts = (seed: number) =>
    make(seed)
      .parameters()
      .map((p) => Array.from(p.host!))

  test('starts from the same weights with the same seed, and from others with another', () => {
    expect(hosts(3)).toEqual(hosts(3))
    expect(hosts(3)).not.toEqual(hosts(4))
  })

  test('takes weights that float32 holds exactly: every device starts from the same numbers', () => {
    for (const values of hosts(5)) expect(values.map(Math.fround)).toEqual(values)
  })

  test('draws weight and bias with the same bound', () => {
    const { weight, bias } = make(1)
    const bound = 1 / Math.sqrt(weight.shape.slice(1).reduce((a, b) => a * b))
    for (const values of [weight, bias!])
      expect(Math.max(...values.host!.map(Math.abs))).toBeLessThanOrEqual(bound)
  })
})

test('sizes that make no sense are refused', () => {
  const random = new Random(0)
  expect(() => new Linear(0, 5, { random })).toThrow(
    'Linear: inFeatures must be a positive whole number, got 0. Check the settings.',
  )
  expect(() => new Conv2d(4, 6, 3, { random, groups: 4 })).toThrow(
    'Conv2d: groups must divide the channels, got 4 for 4 and 6. Choose a common divisor.',
  )
})
