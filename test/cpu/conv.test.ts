import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convRecipe } from '../../src/device/cpu/conv.ts'
import { runRecipe, runtime } from '../support/cpu-recipe.ts'
import {
  convolution,
  type Geometry,
  kernelOf,
  normals,
  type Pass,
  productsOf,
  sizesOf,
  square,
} from './conv-cases.ts'

const passes = ['forward', 'inputGrad', 'weightGrad'] as const

const recipeOf = (geometry: Geometry, pass: Pass, threads = 1) =>
  convRecipe(kernelOf(geometry, pass), { threads, winograd: false })

const dataFor = (geometry: Geometry, pass: Pass): Float32Array[] =>
  sizesOf(geometry, pass).inputs.map((size, i) => normals(size, i + 1))

function computed(geometry: Geometry, pass: Pass, data: Float32Array[], threads = 1, parts = threads) {
  const { out } = sizesOf(geometry, pass)
  return runRecipe(recipeOf(geometry, pass, threads), data, [out], [], { parts })[0]!
}

/** The largest difference from float64, relative to the largest value, or what is usual for one if they all cancel. */
function errorOf(geometry: Geometry, pass: Pass, threads = 1): number {
  const data = dataFor(geometry, pass)
  const got = computed(geometry, pass, data, threads)
  const expected = convolution(geometry, pass, data)
  const usual = Math.sqrt(productsOf(geometry) / expected.length)
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), usual)
  const errors = expected.map((x, i) => Math.abs(got[i]! - x))
  return errors.reduce((worst, error) => (error <= worst ? worst : error), 0) / largest
}

const size = (most: number) => fc.integer({ min: 1, max: most })
const pair = (most: number, least = 1) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))

const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    images: size(5),
    groups: fc.constantFrom(1, 1, 2, 3),
    from: fc.oneof(fc.constant(1), size(9)),
    to: fc.oneof(fc.constant(1), size(9), size(19)),
    plane: pair(13),
    kernel: fc.oneof(fc.constant([1, 1] as const), pair(5)),
    stride: pair(3),
    padding: fc.oneof(fc.constant([0, 0] as const), pair(3, 0)),
    dilation: pair(2),
  })
  .filter(({ plane, kernel, padding, dilation }) =>
    [0, 1].every((d) => plane[d]! + 2 * padding[d]! > dilation[d]! * (kernel[d]! - 1)),
  )

describe.each(passes)('%s', (pass) => {
  test('agrees with float64 over geometries', () => {
    fc.assert(
      fc.property(geometries, size(3), (geometry, threads) => {
        expect(errorOf(geometry, pass, threads)).toBeLessThan(2e-6)
      }),
      { numRuns: 120 },
    )
  })

  const depthwise = (images: number, groups: number, side: number, stride = 1) =>
    square([images, 1, 1, side], { groups, stride })
  const cases: readonly (readonly [string, Geometry])[] = [
    ['images of a usual size', square([2, 8, 16, 16])],
    ['planes in bands of rows', { ...square([2, 3, 10, 1]), plane: [37, 41] }],
    [
      'bands of strided rows',
      { ...square([2, 2, 9, 1], { kernel: 5, padding: 2, stride: 2 }), plane: [75, 61] },
    ],
    ['bands of rows of narrow groups', { ...square([1, 2, 3, 1]), plane: [70, 43] }],
    ['bands of unpadded rows', { ...square([1, 2, 9, 1], { padding: 0, stride: 2 }), plane: [90, 55] }],
    ['rows longer than any band', { ...square([1, 2, 9, 1]), plane: [3, 1500] }],
    ['sums in parts', square([2, 130, 12, 6], { kernel: 5, padding: 2 })],
    ['sums in parts over narrow groups', square([2, 70, 3, 6])],
    ['one channel', square([3, 1, 16, 28])],
    ['planes of one cache set, 1x1', square([2, 40, 16, 32], { kernel: 1, padding: 0 })],
    ['planes of one cache set, strided 1x1', square([2, 40, 16, 32], { kernel: 1, padding: 0, stride: 2 })],
    ['padded strided 1x1', square([2, 3, 10, 9], { kernel: 1, padding: 2, stride: 2 })],
    ['a plane of one place', square([6, 9, 10, 1], { kernel: 1, padding: 0 })],
    ['patches', square([2, 3, 16, 32], { kernel: 8, padding: 0, stride: 8 })],
    ['depthwise', depthwise(2, 12, 16)],
    ['depthwise of small planes', depthwise(8, 12, 7)],
    ['depthwise with a stride', depthwise(2, 6, 33, 2)],
    ['depthwise with a stride, long rows', { ...depthwise(1, 3, 1, 2), plane: [5, 300] }],
    ['depthwise with a stride of 3', depthwise(2, 6, 25, 3)],
  ]
  test.each(cases)('%s', (_, geometry) => {
    expect(errorOf(geometry, pass)).toBeLessThan(2e-6)
    expect(errorOf(geometry, pass, 2)).toBeLessThan(2e-6)
  })

  test('keeps what is not finite where IEEE says', () => {
    const value = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    fc.assert(
      fc.property(geometries, fc.nat(), fc.nat(), value, (geometry, input, at, bad) => {
        const data = dataFor(geometry, pass)
        const hit = data[input % 2]!
        hit[at % hit.length] = bad
        const got = computed(geometry, pass, data)
        const kinds = (x: ArrayLike<number>) => Array.from(x, (v) => (Number.isFinite(v) ? 0 : v))
        expect(kinds(got)).toEqual(kinds(convolution(geometry, pass, data)))
      }),
      { numRuns: 80 },
    )
  })

  test('gives the same bits however its ranges are split', () => {
    fc.assert(
      fc.property(geometries, (geometry) => {
        const data = dataFor(geometry, pass)
        expect(computed(geometry, pass, data, 3, 1)).toEqual(computed(geometry, pass, data, 3, 3))
      }),
      { numRuns: 40 },
    )
  })
})

describe.each(['forward', 'inputGrad'] as const)('%s', (pass) => {
  test('completes as many elements by each unit as it says, and writes no others', () => {
    fc.assert(
      fc.property(geometries, size(3), (geometry, threads) => {
        const { memory } = runtime
        const { stages, workspace } = recipeOf(geometry, pass, threads)
        const { inputs, out } = sizesOf(geometry, pass)
        const data = dataFor(geometry, pass)
        const floats = [...inputs, out + 16, workspace / 4]
        const pointers = floats.map((n) => memory.allocate(4 * n))
        data.forEach((x, i) => {
          memory.f32.set(x, pointers[i]! / 4)
        })
        const at = pointers[2]! / 4
        memory.f32.fill(Number.NaN, at, at + out + 16)
        const run = (stage: number, lo: number, hi: number) =>
          runtime.runRange(runtime.define(stages[stage]!.routine), pointers, [], lo, hi)
        const last = stages.length - 1
        for (let stage = 0; stage < last; stage++) run(stage, 0, stages[stage]!.units)
        const { units, completes } = stages[last]!
        expect(units * completes!).toBe(out)
        for (let unit = 0; unit < units; unit++) {
          run(last, unit, unit + 1)
          const written = Array.from(memory.f32.subarray(at, at + out + 16), (x) => !Number.isNaN(x))
          expect(written).toEqual(written.map((_, i) => i < (unit + 1) * completes!))
        }
        floats.forEach((n, i) => {
          memory.free(pointers[i]!, 4 * n)
        })
      }),
      { numRuns: 40 },
    )
  })
})

test.each([
  ['forward', 5e-7],
  ['inputGrad', 5e-7],
  ['weightGrad', 1e-6],
] as const)('stays accurate over long sums: %s', (pass, most) => {
  expect(errorOf(square(pass === 'weightGrad' ? [60, 16, 8, 4] : [1, 512, 8, 4]), pass)).toBeLessThan(most)
})
