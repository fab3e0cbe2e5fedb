import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { transformed, winogradRecipe } from '../../src/device/cpu/winograd.ts'
import { runs } from '../support/cpu-draws.ts'
import { firstDifference, runRecipe } from '../support/cpu-recipe.ts'
import { dataFor, type Geometry, kernelOf, type Pass, passes, runner, sizesOf, square } from './conv-cases.ts'

const recipeOf = (geometry: Geometry, pass: Pass, threads: number) =>
  transformed(kernelOf(geometry, pass), { threads })!
const { computed, errorOf } = runner(recipeOf)

const size = (most: number) => fc.integer({ min: 1, max: most })
const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))

const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    images: size(9),
    from: fc.oneof(size(5), size(20)),
    to: fc.oneof(size(5), size(20)),
    plane: fc.oneof(pair(1, 9), pair(1, 20)),
    stride: fc.oneof(fc.constant([1, 1] as const), pair(1, 2)),
    padding: pair(0, 2),
  })
  .filter(({ plane, padding }) => [0, 1].every((d) => plane[d]! + 2 * padding[d]! >= 3))
  .map((record) => ({ ...record, groups: 1, kernel: [3, 3], dilation: [1, 1] }))

describe.each(passes)('%s', (pass) => {
  test('any geometry, close to float64', () => {
    fc.assert(
      fc.property(geometries, size(3), size(3), (geometry, threads, parts) => {
        const got = computed(geometry, pass, dataFor(geometry, pass), threads, parts)
        expect(errorOf(geometry, pass, got)).toBeLessThan(5e-6)
      }),
      runs(30),
    )
  })

  test.each([
    ['16 channels', square([4, 16, 16, 10])],
    ['64 channels', square([2, 64, 16, 8])],
    ['256 channels', square([2, 256, 256, 2])],
    ['stride 2, 16 channels', square([4, 16, 16, 11], { stride: 2 })],
    ['stride 2, 256 channels', square([2, 256, 256, 2], { stride: 2 })],
    ['many images of one tile', square([67, 4, 9, 4])],
    ['a plane too large for the cache, in strips', square([1, 64, 8, 37])],
    ['strips that cut no plane evenly', { ...square([1, 96, 4, 41]), padding: [2, 0] } as Geometry],
  ])('%s', (_, geometry) => {
    const got = computed(geometry, pass, dataFor(geometry, pass), 2)
    expect(errorOf(geometry, pass, got)).toBeLessThan(4e-6)
  })

  test('the same bits however stages are split', () => {
    const geometry = square([7, 12, 20, 9])
    const data = dataFor(geometry, pass)
    for (const threads of [1, 3]) {
      const [whole, split] = [1, 3].map((parts) => computed(geometry, pass, data, threads, parts))
      expect(firstDifference(split!, whole!)).toBe(-1)
    }
  })
})

test.each(['forward', 'inputGrad'] as const)('%s: bits do not depend on threads', (pass) => {
  const geometry = square([7, 12, 20, 9])
  const data = dataFor(geometry, pass)
  const [one, three] = [1, 3].map((threads) => computed(geometry, pass, data, threads))
  expect(firstDifference(three!, one!)).toBe(-1)
})

test.each([
  ['whole images', square([8, 16, 12, 12])],
  ['an image at a time', square([3, 16, 32, 32])],
])('units complete the outputs in order: %s', (_, geometry) => {
  const data = dataFor(geometry, 'forward')
  const { out } = sizesOf(geometry, 'forward')
  const recipe = recipeOf(geometry, 'forward', 1)
  const last = recipe.stages.at(-1)!
  expect(last.units * last.completes!).toBe(out)
  const whole = runRecipe(recipe, data, [out])[0]!
  const first = { ...recipe, stages: [recipe.stages[0]!, { ...last, units: 1 }] }
  const partly = runRecipe(first, data, [out])[0]!
  const done = last.completes!
  expect(firstDifference(partly.subarray(0, done), whole.subarray(0, done))).toBe(-1)
  expect(partly.subarray(done).every(Number.isNaN)).toBe(true)
})

describe('what is not finite', () => {
  test.each([
    [1, 4],
    [2, 4],
  ] as const)('stride %i: a NaN reaches only the tiles whose windows hold it', (stride, outputs) => {
    const geometry = square([3, 5, 6, 24], { stride })
    const [x, w] = dataFor(geometry, 'forward') as [Float32Array, Float32Array]
    const [row, col, image] = [9, 13, 1]
    const clean = computed(geometry, 'forward', [x, w])
    const spoilt = Float32Array.from(x)
    spoilt[((image * 5 + 2) * 24 + row) * 24 + col] = Number.NaN
    const got = computed(geometry, 'forward', [spoilt, w])
    const side = 24 / stride
    const window = (at: number) => {
      const first = Math.floor(at / outputs) * outputs * stride - 1
      return [first, first + outputs * stride + (stride === 1 ? 2 : 1)] as const
    }
    const holds = (at: number, place: number) => window(at)[0] <= place && place < window(at)[1]
    const wanted = clean.map((value, i) => {
      const [r, c, n] = [Math.floor(i / side) % side, i % side, Math.floor(i / (6 * side * side))]
      return n === image && holds(r, row) && holds(c, col) ? Number.NaN : value
    })
    expect(firstDifference(got, wanted)).toBe(-1)
  })

  test('an infinite weight reaches only its output channel', () => {
    const geometry = square([2, 4, 7, 10])
    const [x, w] = dataFor(geometry, 'forward') as [Float32Array, Float32Array]
    const clean = computed(geometry, 'forward', [x, w])
    w[3 * 4 * 9 + 5] = Number.POSITIVE_INFINITY
    computed(geometry, 'forward', [x, w]).forEach((value, i) => {
      if (Math.floor(i / 100) % 7 === 3) expect(Number.isFinite(value)).toBe(false)
      else expect(value).toBe(clean[i])
    })
  })

  test.each(passes)('large numbers stay finite: %s', (pass) => {
    for (const stride of [1, 2]) {
      const geometry = square([2, 9, 10, 11], { stride })
      const [a, b] = dataFor(geometry, pass) as [Float32Array, Float32Array]
      const large = computed(geometry, pass, [a.map((v) => v * 1e30), b])
      expect(large.every(Number.isFinite)).toBe(true)
    }
  })

  test('a NaN in dy spoils its own channel of the weight gradient alone', () => {
    const geometry = square([2, 3, 5, 9])
    const [dy, x] = dataFor(geometry, 'weightGrad') as [Float32Array, Float32Array]
    const clean = computed(geometry, 'weightGrad', [dy, x])
    dy[2 * 81 + 40] = Number.NaN
    computed(geometry, 'weightGrad', [dy, x]).forEach((value, i) => {
      if (Math.floor(i / 27) === 2) expect(value).toBeNaN()
      else expect(value).toBe(clean[i])
    })
  })
})

describe('where it is used', () => {
  const used = (geometry: Geometry) =>
    passes.map((pass) => winogradRecipe(kernelOf(geometry, pass), { threads: 1 }) !== null)
  const all = (value: boolean) => [value, value, value]

  test.each([
    ['conv A', square([32, 16, 32, 32])],
    ['conv B', square([32, 64, 64, 16])],
    ['small planes', square([32, 256, 256, 4])],
    ['stride 2', square([64, 32, 64, 32], { stride: 2 })],
  ])('%s', (_, geometry) => {
    expect(used(geometry)).toEqual(all(true))
  })

  test.each([
    ['one channel', square([64, 1, 16, 28])],
    ['one tile', square([1, 16, 16, 4])],
    ['few outputs of a strided window', square([16, 64, 64, 4], { stride: 2 })],
    ['5 x 5 taps', square([8, 16, 16, 16], { kernel: 5 })],
    ['1 x 1 taps', square([8, 16, 16, 16], { kernel: 1 })],
    ['groups', square([8, 16, 16, 16], { groups: 2 })],
    ['dilation', square([8, 16, 16, 16], { dilation: 2 })],
    ['padding of 3', square([8, 16, 16, 16], { padding: 3 })],
    ['stride 3', square([8, 16, 16, 16], { stride: 3 })],
    ['weights too large to be transformed', square([64, 2048, 2048, 4])],
    ['no images', square([0, 16, 16, 16])],
  ])('not: %s', (_, geometry) => {
    expect(used(geometry)).toEqual(all(false))
  })
})
