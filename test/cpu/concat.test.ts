import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concatRecipe } from '../../src/device/cpu/concat.ts'
import { sizeOf } from '../../src/shape.ts'
import { contiguous } from '../../src/view.ts'
import { coordinates, floats, placeOf, reachOf, runs, seeds, viewOf } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'

const joins = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(6, 11)), { minLength: 1, maxLength: 4 })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      dim: fc.integer({ min: 0, max: shape.length - 1 }),
      sizes: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 7 }),
    }),
  )
  .chain(({ shape, dim, sizes }) => {
    const shapes = sizes.map((n) => shape.map((m, d) => (d === dim ? n : m)))
    const parts = fc.tuple(...shapes.map((s) => fc.oneof(fc.constant(contiguous(s)), viewOf(s))))
    return parts.map((views) => ({ dim, views }))
  })

test('puts parts one after the other', () => {
  fc.assert(
    fc.property(joins, seeds, ({ dim, views }, seed) => {
      const data = views.map((v, i) => floats(seed + i, reachOf(v)))
      const out = views[0]!.shape.map((n, d) =>
        d === dim ? views.reduce((sum, v) => sum + v.shape[dim]!, 0) : n,
      )
      const wanted = coordinates(out).map((at) => {
        let [part, place] = [0, at[dim]!]
        while (place >= views[part]!.shape[dim]!) place -= views[part++]!.shape[dim]!
        return data[part]![
          placeOf(
            views[part]!,
            at.map((i, d) => (d === dim ? place : i)),
          )
        ]
      })
      const recipe = concatRecipe({ kind: 'concat', inputs: views, out, dim }, { threads: 1 })
      expect(Array.from(runInParts(recipe, data, [sizeOf(out)])[0]!)).toEqual(wanted)
    }),
    runs(60),
  )
})
