import fc from 'fast-check'
import { expect, test } from 'vitest'
import { grad, type Tensor, tensor, zeros } from '../../src/index.ts'
import { clipGradNorm, clipGradValue, SGD } from '../../src/optim/index.ts'

const valuesOf = async (tensors: readonly Tensor[]) =>
  (await Promise.all(tensors.map(async (t) => Array.from(await t.data())))).flat()

/** The norm of numbers as one vector. */
const normOf = (values: readonly number[], p: number) =>
  p === Infinity
    ? Math.max(...values.map(Math.abs))
    : values.reduce((sum, x) => sum + Math.abs(x) ** p, 0) ** (1 / p)

/** Numbers whose cubes float32 holds. */
const element = fc.oneof(
  fc.constant(0),
  fc.double({ min: 1e-3, max: 100, noNaN: true }),
  fc.double({ min: -100, max: -1e-3, noNaN: true }),
)
const elements = fc.array(element, { minLength: 1, maxLength: 5 })

test('the norm of all gradients together is bounded, their direction kept', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(elements, { minLength: 1, maxLength: 4 }),
      fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 50, noNaN: true })),
      fc.constantFrom(1, 2, 3, Infinity),
      async (arrays, maxNorm, normType) => {
        const gradients = arrays.map((values) => tensor(values))
        const before = await valuesOf(gradients)
        const { clipped, totalNorm } = clipGradNorm(gradients, maxNorm, { normType })
        const total = normOf(before, normType)
        expect(Math.abs((await totalNorm.item()) - total)).toBeLessThanOrEqual(1e-5 * total)
        const after = await valuesOf(clipped)
        expect(normOf(after, normType)).toBeLessThanOrEqual(maxNorm * (1 + 1e-5))
        const scale = Math.min(1, maxNorm / (total + 1e-6))
        after.forEach((x, i) => {
          expect(Math.abs(x - before[i]! * scale)).toBeLessThanOrEqual(1e-5 * Math.abs(before[i]!))
        })
      },
    ),
  ))

test('gradients within the bound stay as they are, to the bit', async () => {
  const gradients = [tensor([0.1, -0.3]), tensor([[0.7]])]
  const { clipped } = clipGradNorm(gradients, 1)
  expect(await valuesOf(clipped)).toEqual(await valuesOf(gradients))
  expect(clipped.map(({ shape }) => shape)).toEqual([[2], [1, 1]])
})

test.each([1, 2, Infinity])('gradients of zero stay zero, in the %d-norm', async (normType) => {
  const { clipped, totalNorm } = clipGradNorm([zeros([2]), zeros([3])], 1, { normType })
  expect(await totalNorm.item()).toBe(0)
  expect(await valuesOf(clipped)).toEqual([0, 0, 0, 0, 0])
})

test('NaN reaches all, an infinity stops all others', async () => {
  const nan = clipGradNorm([tensor([1, Number.NaN]), tensor([2])], 1)
  expect(await nan.totalNorm.item()).toBeNaN()
  expect(await valuesOf(nan.clipped)).toEqual([Number.NaN, Number.NaN, Number.NaN])
  const infinite = clipGradNorm([tensor([1, Infinity]), tensor([2])], 1)
  expect(await infinite.totalNorm.item()).toBe(Infinity)
  expect(await valuesOf(infinite.clipped)).toEqual([0, Number.NaN, 0])
})

test('elements are moved into the interval; NaN stays', async () => {
  const clipped = clipGradValue([tensor([-3, -0.5, 0, 2]), tensor([Infinity, Number.NaN])], 1)
  expect(await valuesOf(clipped)).toEqual([-1, -0.5, 0, 1, 1, Number.NaN])
  expect(await valuesOf(clipGradValue([tensor([-3, 2])], 0))).toEqual([-0, 0])
})

test('a step with clipped gradients, of many parameters', async () => {
  const parameters = Array.from({ length: 150 }, (_, i) => tensor([i]))
  const loss = parameters.map((p) => p.square().sum()).reduce((sum, y) => sum.add(y))
  const before = await valuesOf(parameters)
  const gradients = grad(loss, parameters)
  const { clipped, totalNorm } = clipGradNorm(gradients, 1)
  await new SGD(parameters, { lr: 1 }).stepWith(clipped, totalNorm)
  const moved = (await valuesOf(parameters)).map((p, i) => p - before[i]!)
  expect(normOf(moved, 2)).toBeCloseTo(1, 4)
  expect(await totalNorm.item()).toBeCloseTo(2 * normOf(before, 2), 2)
})

test.each<[() => unknown, string]>([
  [
    () => clipGradNorm([], 1),
    'clipGradNorm: there is nothing to clip, got no gradients. Give what grad(...) returns.',
  ],
  [
    () => clipGradNorm([zeros([1])], -1),
    'clipGradNorm: maxNorm must be a finite number of at least 0, got -1. Choose another.',
  ],
  [
    () => clipGradNorm([zeros([1])], 1, { normType: 0 }),
    'clipGradNorm: normType must be more than 0, got 0. Use 2, or Infinity for the largest element.',
  ],
  [
    () => clipGradValue([zeros([1])], Number.NaN),
    'clipGradValue: value must be a finite number of at least 0, got NaN. Choose another.',
  ],
])('%s is refused', (call, message) => {
  expect(call).toThrow(message)
})
