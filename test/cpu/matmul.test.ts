import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dotRecipe } from '../../src/device/cpu/matmul/dot.ts'
import { outerRecipe } from '../../src/device/cpu/matmul/outer.ts'
import { batchSize, productOf } from '../../src/device/cpu/matmul/product.ts'
import { matmulRecipe } from '../../src/device/cpu/matmul.ts'
import type { Recipe } from '../../src/device/cpu/recipe.ts'
import type { MatmulKernel } from '../../src/device/kernel.ts'
import { runs } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'
import { firstDifference, runRecipe } from '../support/cpu-recipe.ts'
import {
  type Case,
  kernelOf,
  type Layout,
  numbers,
  PLAIN,
  plain,
  product,
  TRANSPOSED,
} from './matmul-cases.ts'

/** Rounding of float32 sums, relative to the sum of absolute values. */
const ROUNDING = 1e-6

/** Compares results with float64. */
function comparer(kernel: MatmulKernel, inputs: readonly Float32Array[]): (got: Float32Array) => void {
  const { values, sizes } = product(kernel, inputs)
  return (got) => {
    const wrong = values.findIndex((value, i) =>
      Number.isFinite(value)
        ? !(Math.abs(got[i]! - value) <= ROUNDING * sizes[i]!)
        : !Object.is(got[i], value),
    )
    expect(wrong < 0 ? null : { at: wrong, got: got[wrong], expected: values[wrong] }).toBeNull()
  }
}

const inputsOf = (sizes: readonly number[]) => sizes.map((size, i) => numbers(size, i + 1))

const side = fc.oneof(
  fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 32, 33),
  fc.integer({ min: 1, max: 40 }),
)
const depth = fc.oneof(side, side, fc.constantFrom(257, 300, 1027))
const layout: fc.Arbitrary<Layout> = fc.record({
  transposed: fc.boolean(),
  margin: fc.constantFrom(0, 0, 0, 1, 3),
  steps: fc.oneof(
    fc.constant([1, 1] as const),
    fc.tuple(fc.constantFrom(1, -1, 2, -3), fc.constantFrom(1, -1, 2, -3)),
  ),
})
const cases: fc.Arbitrary<Case> = fc
  .array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })
  .chain((batch) => {
    const repeats = fc.array(fc.boolean(), { minLength: batch.length, maxLength: batch.length })
    return fc.record({
      m: side,
      n: side,
      k: batch.length > 1 ? side : depth,
      batch: fc.constant(batch),
      repeats: fc.tuple(repeats, repeats),
      layouts: fc.tuple(layout, layout),
    })
  })
const threadCounts = fc.integer({ min: 1, max: 3 })

test('agrees with float64 over shapes, layouts, batches and threads', () => {
  fc.assert(
    fc.property(cases, threadCounts, (c, threads) => {
      const { kernel, sizes } = kernelOf(c)
      const inputs = inputsOf(sizes)
      const out = kernel.out.reduce((a, b) => a * b, 1)
      comparer(kernel, inputs)(runInParts(matmulRecipe(kernel, { threads }), inputs, [out])[0]!)
    }),
    runs(80),
  )
})

/** All ways to compute a product, also those that would not be chosen for it. */
function recipesOf(kernel: MatmulKernel, rows: number): Recipe[] {
  const found = productOf(kernel)
  const { m, n, right } = found
  const split = { batch: batchSize(found), rows: m >= 8 * rows ? rows : 1, columns: 1 }
  const recipes = [dotRecipe(found, { form: 'dot', split })]
  if (n < 4) return recipes
  for (let width = 1; width <= Math.min(6, Math.ceil(n / 4)); width++)
    for (const packLeft of [false, true])
      for (const packRight of right.line === 1 ? [false, true] : [true])
        recipes.push(outerRecipe(found, { form: 'outer', split, width, packLeft, packRight }))
  return recipes
}

test('every plan is right for every shape', () => {
  const layouts = fc.constantFrom(PLAIN, TRANSPOSED)
  fc.assert(
    fc.property(side, depth, side, fc.tuple(layouts, layouts), threadCounts, (m, k, n, layouts, rows) => {
      const { kernel, sizes } = kernelOf(plain(m, k, n, layouts))
      const inputs = inputsOf(sizes)
      const compare = comparer(kernel, inputs)
      for (const recipe of recipesOf(kernel, rows)) compare(runInParts(recipe, inputs, [m * n])[0]!)
    }),
    runs(25),
  )
})

test('no block of a long sum is too short to be packed', () => {
  // Blocks of 256 numbers, or of any multiple of 4 near, would leave one number over.
  const [m, k, n] = [8, 63 * 256 + 1, 8]
  const { kernel, sizes } = kernelOf(plain(m, k, n, [TRANSPOSED, TRANSPOSED]))
  const inputs = inputsOf(sizes)
  const compare = comparer(kernel, inputs)
  for (const recipe of recipesOf(kernel, 1)) compare(runInParts(recipe, inputs, [m * n])[0]!)
})

describe.each([
  ['NN', PLAIN, PLAIN],
  ['NT', PLAIN, TRANSPOSED],
  ['TN', TRANSPOSED, PLAIN],
  ['TT', TRANSPOSED, TRANSPOSED],
] as const)('%s', (_, left, right) => {
  test.each([
    [64, 1568, 10],
    [10, 64, 1568],
    [129, 127, 131],
    [137, 40, 1024],
    [1024, 70, 20],
    [1, 700, 333],
    [333, 700, 1],
    [2, 515, 130],
  ])('%i x %i x %i', (m, k, n) => {
    const { kernel, sizes } = kernelOf(plain(m, k, n, [left, right]))
    const inputs = inputsOf(sizes)
    const compare = comparer(kernel, inputs)
    for (const threads of [1, 2]) compare(runInParts(matmulRecipe(kernel, { threads }), inputs, [m * n])[0]!)
  })
})

test('NaN and infinities reach the results that they belong to, and no others', () => {
  const special = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0)
  const places = fc.array(fc.tuple(fc.boolean(), fc.nat(), special), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(cases, places, (c, places) => {
      const { kernel, sizes } = kernelOf(c)
      const inputs = inputsOf(sizes)
      for (const [first, place, value] of places) {
        const input = inputs[first ? 0 : 1]!
        input[place % input.length] = value
      }
      const out = kernel.out.reduce((a, b) => a * b, 1)
      comparer(kernel, inputs)(runRecipe(matmulRecipe(kernel, { threads: 2 }), inputs, [out])[0]!)
    }),
    runs(80),
  )
})

test('each unit completes the elements that it says, and touches no others', () => {
  fc.assert(
    fc.property(cases, threadCounts, (c, threads) => {
      const { kernel, sizes } = kernelOf(c)
      const size = kernel.out.reduce((a, b) => a * b, 1)
      const { stages, workspace } = matmulRecipe(kernel, { threads })
      const last = stages.at(-1)!
      const { units, completes, routine } = last
      fc.pre(completes !== undefined)
      expect(units * completes!).toBe(size)
      const inputs = inputsOf(sizes)
      const unit = Math.floor(units / 2)
      const only = {
        key: `${routine.key} one`,
        scratch: routine.scratch,
        build: (f: Parameters<typeof routine.build>[0]) =>
          f.call(routine, { args: f.args, lo: unit, hi: unit + 1, scratch: f.scratch }),
      }
      const recipe = { workspace, stages: [...stages.slice(0, -1), { ...last, routine: only, units: 1 }] }
      const [got] = runRecipe(recipe, inputs, [size])
      const [whole] = runRecipe({ workspace, stages }, inputs, [size])
      const own = (i: number) => Math.floor(i / completes!) === unit
      expect(got!.findIndex((value, i) => !Object.is(value, own(i) ? whole![i] : Number.NaN))).toBe(-1)
    }),
    runs(40),
  )
})

test('results do not depend on the number of threads', () => {
  const { kernel, sizes } = kernelOf(plain(97, 530, 61))
  const inputs = inputsOf(sizes)
  const [one, two, five] = [1, 2, 5].map(
    (threads) => runRecipe(matmulRecipe(kernel, { threads }), inputs, [97 * 61])[0],
  )
  expect(firstDifference(two!, one!)).toBe(-1)
  expect(firstDifference(five!, one!)).toBe(-1)
})

test.each([
  [33, 1024, 40],
  [3, 100_000, 5],
  [1, 100_000, 9],
  [2, 100_000, 2],
])('stays accurate in long sums: %i x %i x %i', (m, k, n) => {
  for (const left of [PLAIN, TRANSPOSED])
    for (const right of [PLAIN, TRANSPOSED]) {
      const { kernel, sizes } = kernelOf(plain(m, k, n, [left, right]))
      const inputs = inputsOf(sizes)
      const [got] = runRecipe(matmulRecipe(kernel, { threads: 1 }), inputs, [m * n])
      const { values } = product(kernel, inputs)
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const error = values.reduce((most, value, i) => Math.max(most, Math.abs(got![i]! - value)), 0)
      expect(error / largest).toBeLessThan(2e-6)
    }
})

test('a sum of nothing is 0', () => {
  const view = (shape: readonly number[]) => ({ shape, strides: shape.map(() => 0), offset: 0, mask: null })
  const kernel = { kind: 'matmul', out: [2, 3, 5], inputs: [view([2, 3, 0]), view([2, 0, 5])] } as const
  const [got] = runInParts(
    matmulRecipe(kernel, { threads: 2 }),
    [new Float32Array(0), new Float32Array(0)],
    [30],
  )
  expect([...got!]).toEqual(new Array(30).fill(0))
})
