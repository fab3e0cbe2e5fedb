import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convRecipe } from '../../src/device/cpu/conv.ts'
import { runRecipe } from '../support/cpu-recipe.ts'
import { convolution, type Geometry, kernelOf, normals, sizesOf } from './conv-cases.ts'

const passes = ['forward', 'inputGrad', 'weightGrad'] as const

/** The largest difference from float64, relative to the largest value. */
function errorOf(geometry: Geometry, pass: (typeof passes)[number], parts = 1, threads = parts): number {
  const { inputs, out } = sizesOf(geometry, pass)
  const data = inputs.map((size, i) => normals(size, i + 1))
  const recipe = convRecipe(kernelOf(geometry, pass), { threads, winograd: false })
  const [got] = runRecipe(recipe, data, [out], [], { parts })
  const expected = convolution(geometry, pass, data)
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30)
  let worst = 0
  for (let i = 0; i < out; i++) {
    const error = Math.abs(got![i]! - expected[i]!)
    if (!(error <= worst)) worst = error
  }
  return worst / largest
}

const size = (most: number) => fc.integer({ min: 1, max: most })
const pair = (most: number, least = 1) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))

const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    images: size(5),
    groups: fc.constantFrom(1, 1, 2, 3),
    from: fc.oneof(fc.constant(1), size(9)),
    to: fc.oneof(fc.constant(1), size(19)),
    plane: pair(13),
    kernel: pair(5),
    stride: pair(3),
    padding: pair(3, 0),
    dilation: pair(2),
  })
  .filter(({ plane, kernel, padding, dilation }) =>
    [0, 1].every((d) => plane[d]! + 2 * padding[d]! > dilation[d]! * (kernel[d]! - 1)),
  )

describe.each(passes)('%s', (pass) => {
  test('agrees with float64 over geometries', () => {
    fc.assert(
      fc.property(geometries, size(3), (geometry, parts) => {
        expect(errorOf(geometry, pass, parts)).toBeLessThan(2e-6)
      }),
      { numRuns: 150 },
    )
  })
})
