import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gatherRecipe, scatterRecipe } from '../../src/device/cpu/indexing.ts'
import { sizeOf } from '../../src/shape.ts'
import { contiguous, type View } from '../../src/view.ts'
import { coordinates, floats, placeOf, reachOf, runs, seeds, sumError, viewOf } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'

const options = { threads: 1 }

interface Case {
  readonly x: View
  readonly index: View
  readonly src: View
  readonly dim: number
}

/** An index no larger than x outside `dim`, all of them views of any kind. */
const cases: fc.Arbitrary<Case> = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(9, 17)), { minLength: 1, maxLength: 4 })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      dim: fc.integer({ min: 0, max: shape.length - 1 }),
      smaller: fc.tuple(...shape.map((n) => fc.constantFrom(n, n, n, Math.ceil(n / 2)))),
      along: fc.integer({ min: 1, max: 11 }),
    }),
  )
  .chain(({ shape, dim, smaller, along }) => {
    const indexed = smaller.map((n, d) => (d === dim ? along : n))
    const views = (of: number[]) => fc.oneof(fc.constant(contiguous(of)), viewOf(of))
    return fc.record({ x: views(shape), index: views(indexed), src: views(indexed), dim: fc.constant(dim) })
  })

/** Mostly places along the dim, and some that are none. */
const indices = (seed: number, count: number, size: number, wild: boolean): Float32Array =>
  floats(seed, count).map((v, i) => {
    const place = Math.abs(Math.floor(v)) % size
    return wild && place % 3 === 0 ? [-1, size, Number.NaN, 1e30, -Infinity][i % 5]! : place
  })

const isPlace = (place: number, size: number) => place >= 0 && place < size

describe('gather', () => {
  test('reads where the index says, and NaN where it says nothing', () => {
    fc.assert(
      fc.property(cases, seeds, fc.boolean(), ({ x, index, dim }, seed, wild) => {
        const values = floats(seed, reachOf(x))
        const places = indices(seed + 1, reachOf(index), x.shape[dim]!, wild)
        const wanted = coordinates(index.shape).map((at) => {
          const place = places[placeOf(index, at)]!
          if (!isPlace(place, x.shape[dim]!)) return Number.NaN
          return values[
            placeOf(
              x,
              at.map((i, d) => (d === dim ? place : i)),
            )
          ]
        })
        const kernel = { kind: 'gather', inputs: [x, index], out: index.shape, dim } as const
        const [got] = runInParts(gatherRecipe(kernel, options), [values, places], [wanted.length])
        expect(Array.from(got!)).toEqual(wanted)
      }),
      runs(80),
    )
  })

  test('takes whole rows of a table', () => {
    const [rows, width] = [5, 23]
    const table = floats(1, rows * width)
    const index: View = { shape: [4, width], strides: [1, 0], offset: 0, mask: null }
    const kernel = {
      kind: 'gather',
      inputs: [contiguous([rows, width]), index],
      out: [4, width],
      dim: 0,
    } as const
    const [got] = runInParts(gatherRecipe(kernel, options), [table, Float32Array.of(4, 0, 7, 4)], [4 * width])
    const row = (i: number) => Array.from({ length: width }, (_, j) => table[i * width + j] ?? Number.NaN)
    expect(Array.from(got!)).toEqual([...row(4), ...row(0), ...row(7), ...row(4)])
  })

  test('finds nothing along an empty dim', () => {
    const kernel = { kind: 'gather', inputs: [contiguous([0]), contiguous([2])], out: [2], dim: 0 } as const
    const [got] = runInParts(gatherRecipe(kernel, options), [new Float32Array(0), Float32Array.of(0, 1)], [2])
    expect(Array.from(got!)).toEqual([Number.NaN, Number.NaN])
  })
})

describe('scatter', () => {
  test('writes or adds in order where the index says', () => {
    fc.assert(
      fc.property(
        cases,
        seeds,
        fc.boolean(),
        fc.constantFrom('write' as const, 'add' as const),
        ({ x, index, src, dim }, seed, wild, mode) => {
          const values = floats(seed, reachOf(x))
          const places = indices(seed + 1, reachOf(index), x.shape[dim]!, wild)
          const added = floats(seed + 2, reachOf(src))
          const out = contiguous(x.shape)
          const wanted = coordinates(x.shape).map((at) => [values[placeOf(x, at)]!])
          for (const at of coordinates(index.shape)) {
            const place = places[placeOf(index, at)]!
            if (!isPlace(place, x.shape[dim]!)) continue
            const to = placeOf(
              out,
              at.map((i, d) => (d === dim ? place : i)),
            )
            if (mode === 'write') wanted[to] = []
            wanted[to]!.push(added[placeOf(src, at)]!)
          }
          const kernel = { kind: 'scatter', mode, inputs: [x, index, src], out: x.shape, dim } as const
          const recipe = scatterRecipe(kernel, options)
          const [got] = runInParts(recipe, [values, places, added], [wanted.length])
          // A single term is exact.
          expect(sumError(got!, wanted)).toBeLessThan(1)
        },
      ),
      runs(100),
    )
  })

  test('adds whole rows into zeros that are one number', () => {
    const [rows, width] = [4, 21]
    const zeros: View = { shape: [rows, width], strides: [0, 0], offset: 0, mask: null }
    const index: View = { shape: [5, width], strides: [1, 0], offset: 0, mask: null }
    const src = floats(2, 5 * width, 'ties')
    const kernel = {
      kind: 'scatter',
      mode: 'add',
      inputs: [zeros, index, contiguous([5, width])],
      out: [rows, width],
      dim: 0,
    } as const
    const places = Float32Array.of(3, 1, 9, 3, 0)
    const wanted = new Array<number>(rows * width).fill(0)
    places.forEach((place, i) => {
      for (let j = 0; j < width && place < rows; j++) wanted[place * width + j]! += src[i * width + j]!
    })
    const recipe = scatterRecipe(kernel, options)
    const [got] = runInParts(recipe, [Float32Array.of(0), places, src], [rows * width])
    expect(Array.from(got!)).toEqual(wanted)
  })

  test('of nothing is a copy', () => {
    const x = floats(3, 6)
    const none = contiguous([0, 3])
    const kernel = {
      kind: 'scatter',
      mode: 'write',
      inputs: [contiguous([2, 3]), none, none],
      out: [2, 3],
      dim: 0,
    } as const
    const empty = new Float32Array(0)
    expect(runInParts(scatterRecipe(kernel, options), [x, empty, empty], [sizeOf([2, 3])])[0]).toEqual(x)
  })
})
