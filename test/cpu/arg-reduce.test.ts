import fc from 'fast-check'
import { expect, test } from 'vitest'
import { argRecipe } from '../../src/device/cpu/arg-reduce.ts'
import { sizeOf } from '../../src/shape.ts'
import { contiguous, type View } from '../../src/view.ts'
import { coordinates, floats, kinds, placeOf, reachOf, runs, seeds, viewOf } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'

const ops = fc.constantFrom('argmax' as const, 'argmin' as const)

const searched = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constantFrom(13, 33)), { minLength: 1, maxLength: 3 })
  .chain((shape) =>
    fc.record({
      x: fc.oneof(fc.constant(contiguous(shape)), viewOf(shape)),
      dim: fc.integer({ min: 0, max: shape.length - 1 }),
    }),
  )

/** The first extreme; NaN is more extreme than any number. */
function firstExtreme(line: readonly number[], largest: boolean): number {
  const strange = line.findIndex(Number.isNaN)
  return strange >= 0 ? strange : line.indexOf(line.reduce((a, b) => ((largest ? b > a : b < a) ? b : a)))
}

function check(x: View, dim: number, op: 'argmax' | 'argmin', data: Float32Array) {
  const out = x.shape.map((n, d) => (d === dim ? 1 : n))
  const wanted = coordinates(out).map((at) => {
    const line = Array.from(
      { length: x.shape[dim]! },
      (_, r) =>
        data[
          placeOf(
            x,
            at.map((i, d) => (d === dim ? r : i)),
          )
        ]!,
    )
    // Both zeros are equal.
    return firstExtreme(
      line.map((v) => v + 0),
      op === 'argmax',
    )
  })
  const recipe = argRecipe({ kind: 'reduce', op, dims: [dim], inputs: [x], out }, { threads: 1 })
  expect(Array.from(runInParts(recipe, [data], [sizeOf(out)])[0]!)).toEqual(wanted)
}

test('finds the first extreme along a dim', () => {
  fc.assert(
    fc.property(searched, seeds, kinds, ops, ({ x, dim }, seed, kind, op) => {
      check(x, dim, op, floats(seed, reachOf(x), kind))
    }),
    runs(100),
  )
})

test('finds it anywhere in lines of any length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150 }), fc.nat(), ops, fc.boolean(), (n, at, op, strange) => {
      const data = new Float32Array(2 * n)
      for (const line of [0, 1])
        data[line * n + ((at + line) % n)] = strange ? Number.NaN : op === 'argmax' ? 1 : -1
      check(contiguous([2, n]), 1, op, data)
    }),
    runs(100),
  )
})

test.each(['argmax', 'argmin'] as const)('%s of nothing but infinities is the first of them', (op) => {
  for (const value of [Infinity, -Infinity]) {
    check(contiguous([2, 37]), 1, op, new Float32Array(74).fill(value))
    check(contiguous([37, 6]), 0, op, new Float32Array(222).fill(value))
  }
})
