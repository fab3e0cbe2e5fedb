import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convRecipe } from '../../src/device/cpu/conv.ts'
import { runs } from '../support/cpu-draws.ts'
import { firstDifference, runtime } from '../support/cpu-recipe.ts'
import {
  convolution,
  dataFor,
  type Geometry,
  kernelOf,
  type Pass,
  passes,
  runner,
  sizesOf,
  square,
} from './conv-cases.ts'

const recipeOf = (geometry: Geometry, pass: Pass, threads: number) =>
  convRecipe(kernelOf(geometry, pass), { threads, winograd: false })
const { computed, errorOf } = runner(recipeOf)

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
  test('agrees with float64 over geometries, with the same bits however its ranges are split', () => {
    fc.assert(
      fc.property(geometries, size(3), fc.constantFrom(2, 3), (geometry, threads, parts) => {
        const data = dataFor(geometry, pass)
        const whole = computed(geometry, pass, data, threads, 1)
        expect(errorOf(geometry, pass, whole)).toBeLessThan(2e-6)
        expect(firstDifference(computed(geometry, pass, data, threads, parts), whole)).toBe(-1)
      }),
      runs(80),
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
    const data = dataFor(geometry, pass)
    const results = [1, 2].map((threads) => computed(geometry, pass, data, threads))
    expect(errorOf(geometry, pass, ...results)).toBeLessThan(2e-6)
  })

  test('keeps what is not finite where IEEE says', () => {
    const value = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    fc.assert(
      fc.property(geometries, fc.nat(), fc.nat(), value, (geometry, input, at, bad) => {
        const data = dataFor(geometry, pass)
        const hit = data[input % 2]!
        hit[at % hit.length] = bad
        const got = computed(geometry, pass, data)
        const kinds = (x: ArrayLike<number>) => Float32Array.from(x, (v) => (Number.isFinite(v) ? 0 : v))
        expect(firstDifference(kinds(got), kinds(convolution(geometry, pass, data)))).toBe(-1)
      }),
      runs(50),
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
          const written = memory.f32.subarray(at, at + out + 16)
          const wrong = written.findIndex((x, i) => Number.isNaN(x) === i < (unit + 1) * completes!)
          expect(wrong).toBe(-1)
        }
        floats.forEach((n, i) => {
          memory.free(pointers[i]!, 4 * n)
        })
      }),
      runs(25),
    )
  })
})

test.each([
  ['forward', 5e-7],
  ['inputGrad', 5e-7],
  ['weightGrad', 1e-6],
] as const)('stays accurate over long sums: %s', (pass, most) => {
  const geometry = square(pass === 'weightGrad' ? [60, 16, 8, 4] : [1, 512, 8, 4])
  expect(errorOf(geometry, pass, computed(geometry, pass, dataFor(geometry, pass)))).toBeLessThan(most)
})
