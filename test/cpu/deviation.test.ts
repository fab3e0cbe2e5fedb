import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deviationRecipe } from '../../src/device/cpu/deviation.ts'
import { contiguous } from '../../src/view.ts'
import { closeness } from '../support/closeness.ts'
import { floats, kinds, runs, seeds } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'

function deviation(data: Float32Array, n: number, threads = 1): Float32Array {
  const lines = data.length / n
  const kernel = { kind: 'deviation', inputs: [contiguous([lines, n])], out: [lines] } as const
  return runInParts(deviationRecipe(kernel, { threads }), [data], [lines])[0]!
}

function wantedOf(data: Float32Array, n: number): number[] {
  return Array.from({ length: data.length / n }, (_, line) => {
    const x = Array.from(data.subarray(line * n, (line + 1) * n))
    const mean = x.reduce((sum, v) => sum + v, 0) / n
    return x.reduce((sum, v) => sum + (v - mean) ** 2, 0)
  })
}

describe('the sum of squared deviations', () => {
  test('is that of float64, far from 0 too', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 5 }),
        seeds,
        kinds,
        fc.constantFrom(0, 0, 1e4, -1e6),
        (n, lines, seed, kind, shift) => {
          const data = floats(seed, n * lines, kind).map((v) => v + shift)
          const [got, wanted] = [deviation(data, n), wantedOf(data, n)]
          // Line by line: each is as exact as a float can be.
          wanted.forEach((value, i) => {
            expect(closeness([got[i]!], [value], { tolerance: 2e-7, floor: 1e-30 })).toBeLessThan(1)
          })
        },
      ),
      runs(80),
    )
  })

  test('is exactly 0 for equal elements', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        (n, value) => {
          expect(Array.from(deviation(new Float32Array(2 * n).fill(value), n))).toEqual([0, 0])
        },
      ),
    )
  })

  test('of nothing is 0', () => {
    const kernel = { kind: 'deviation', inputs: [contiguous([3, 0])], out: [3] } as const
    const [got] = runInParts(deviationRecipe(kernel, { threads: 2 }), [new Float32Array(0)], [3])
    expect(Array.from(got!)).toEqual([0, 0, 0])
  })

  test.each([
    [1, 16_384, 2],
    [1, 16_411, 3],
    [3, 20_001, 2],
    [1, 16_411, 100],
    [1, 200_000, 7],
  ])('of %i lines of %i that %i threads share', (lines, n, threads) => {
    const data = floats(n, lines * n).map((v) => v + 1e5)
    const [got, wanted] = [deviation(data, n, threads), wantedOf(data, n)]
    expect(closeness(got, wanted, { tolerance: 1e-7 })).toBeLessThan(1)
    expect(Array.from(deviation(new Float32Array(n).fill(0.1), n, threads))).toEqual([0])
    data[n - 1] = Number.NaN
    expect(deviation(data, n, threads)[0]).toBeNaN()
  })

  test('overflows to infinity, and is NaN with an infinity', () => {
    expect(Array.from(deviation(Float32Array.of(3e38, -3e38, Infinity, 1), 2))).toEqual([
      Infinity,
      Number.NaN,
    ])
  })
})
