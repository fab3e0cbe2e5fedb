import { expect, test } from 'vitest'
import { grad, ones, realize } from '../../src/index.ts'
import { Dropout } from '../../src/nn/index.ts'
import { Random } from '../../src/random.ts'

const make = (p = 0.25) => new Dropout(p, { random: new Random(7) })

test('drops a share of p and scales the rest, so that the mean stays', async () => {
  const values = Array.from(
    await make()
      .forward(ones([100, 100]))
      .data(),
  )
  const dropped = values.filter((v) => v === 0).length / values.length
  expect(Math.abs(dropped - 0.25)).toBeLessThan(0.02)
  expect(new Set(values.map((v) => v.toPrecision(6)))).toEqual(new Set(['0.00000', '1.33333']))
})

test('draws another mask per call, and the same ones again from the same seed and count', async () => {
  const [a, b] = [make(), make()]
  const draw = async (dropout: Dropout) => Array.from(await dropout.forward(ones([50])).data())
  const first = await draw(a)
  const second = await draw(a)
  expect(second).not.toEqual(first)
  expect(a.calls).toBe(2)
  expect(await draw(b)).toEqual(first)
  b.calls = 1
  expect(await draw(b)).toEqual(second)
})

test('passes gradient where it passed values', async () => {
  const x = ones([30])
  const y = make().forward(x)
  const [dx] = grad(y.sum(), [x])
  await realize(y, dx!)
  expect(Array.from(await dx!.data())).toEqual(Array.from(await y.data()))
})

test('is the identity in evaluation and at p = 0, and draws nothing', () => {
  const x = ones([3])
  const dropout = make()
  expect(dropout.eval().forward(x)).toBe(x)
  expect(dropout.calls).toBe(0)
  expect(make(0).forward(x)).toBe(x)
})

test.each([1, -0.1, Number.NaN])('refuses p = %s', (p) => {
  expect(() => make(p)).toThrow(
    `Dropout: the probability must be at least 0 and below 1, got ${p}. Choose another p.`,
  )
})
