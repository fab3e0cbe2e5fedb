import fc from 'fast-check'
import { expect, test } from 'vitest'
import { argsortRecipe } from '../../src/device/cpu/sort.ts'
import { sizeOf } from '../../src/shape.ts'
import { contiguous } from '../../src/view.ts'
import { coordinates, floats, kinds, placeOf, runs, seeds } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'

/** NaN after (or before) all numbers; sorting is stable. */
function order(line: readonly number[], descending: boolean): number[] {
  const ascending = (a: number, b: number) =>
    Number.isNaN(a) || Number.isNaN(b)
      ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
      : a < b
        ? -1
        : Number(a > b)
  return line
    .map((_, i) => i)
    .sort((i, j) => (descending ? ascending(line[j]!, line[i]!) : ascending(line[i]!, line[j]!)))
}

function check(shape: readonly number[], dim: number, keep: number, descending: boolean, data: Float32Array) {
  const x = contiguous(shape)
  const out = shape.map((n, d) => (d === dim ? keep : n))
  const wanted = new Array<number>(sizeOf(out))
  for (const at of coordinates(shape.map((n, d) => (d === dim ? 1 : n)))) {
    const along = (r: number) => at.map((i, d) => (d === dim ? r : i))
    const line = Array.from({ length: shape[dim]! }, (_, r) => data[placeOf(x, along(r))]!)
    const places = order(line, descending)
    for (let r = 0; r < keep; r++) wanted[placeOf(contiguous(out), along(r))] = places[r]!
  }
  const recipe = argsortRecipe({ kind: 'argsort', inputs: [x], out, dim, descending }, { threads: 1 })
  expect(Array.from(runInParts(recipe, [data], [sizeOf(out)])[0]!)).toEqual(wanted)
}

test('puts lines of any dim in order, or the first of them', () => {
  const cases = fc
    .array(fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(30, 49, 70)), {
      minLength: 1,
      maxLength: 3,
    })
    .filter((shape) => sizeOf(shape) <= 5000)
    .chain((shape) => {
      const dim = fc.integer({ min: 0, max: shape.length - 1 })
      return dim.chain((d) =>
        fc.record({
          shape: fc.constant(shape),
          dim: fc.constant(d),
          keep: fc.oneof(fc.constant(shape[d]!), fc.integer({ min: 0, max: shape[d]! })),
        }),
      )
    })
  fc.assert(
    fc.property(cases, fc.boolean(), seeds, kinds, ({ shape, dim, keep }, descending, seed, kind) => {
      check(shape, dim, keep, descending, floats(seed, sizeOf(shape), kind))
    }),
    runs(60),
  )
})

test.each([
  [48, 48],
  [49, 49],
  [999, 999],
  [1000, 1000],
  [1000, 5],
  [9000, 9000],
])('lines of %i, the first %i', (n, keep) => {
  for (const kind of ['ties', 'wide', 'strange'] as const)
    for (const descending of [false, true]) check([2, n], 1, keep, descending, floats(n, 2 * n, kind))
})

test('tells neighbours apart, and takes any NaN for the same', () => {
  const bits = new Uint32Array(64)
  const data = new Float32Array(bits.buffer)
  for (let i = 0; i < 60; i++) bits[i] = (i % 2) * 0x80000000 + ((37 * i) % 60)
  bits.set([0x7fc00000, 0xffc00000, 0x7fffffff, 0xff800001], 60)
  check([64], 0, 64, false, data)
  check([64], 0, 64, true, data)
  check([8, 8], 1, 8, false, data)
  check([8, 8], 1, 8, true, data)
})
