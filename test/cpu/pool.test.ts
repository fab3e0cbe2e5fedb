import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { poolRecipe } from '../../src/device/cpu/pool.ts'
import type { Pair, PoolKernel } from '../../src/device/kernel.ts'
import { contiguous } from '../../src/view.ts'
import { floats, kinds, runs, seeds, sumError } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'

interface Geometry {
  readonly planes: Pair
  readonly size: Pair
  readonly places: Pair
  readonly kernelSize: Pair
  readonly stride: Pair
  readonly padding: Pair
  readonly dilation: Pair
}

const pairOf = (arbitrary: fc.Arbitrary<number>) => fc.tuple(arbitrary, arbitrary)

type Settings = Pick<Geometry, 'kernelSize' | 'stride' | 'padding' | 'dilation'>

const square = (kernelSize: number, stride: number, padding: number): Settings => ({
  kernelSize: [kernelSize, kernelSize],
  stride: [stride, stride],
  padding: [padding, padding],
  dilation: [1, 1],
})

/** Windows in general, and those that have a form of their own. */
const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    planes: pairOf(fc.integer({ min: 1, max: 3 })),
    size: pairOf(fc.integer({ min: 1, max: 20 })),
    window: fc.oneof<[fc.Arbitrary<Settings>, fc.Arbitrary<Settings>]>(
      fc.record({
        kernelSize: pairOf(fc.integer({ min: 1, max: 4 })),
        stride: pairOf(fc.integer({ min: 1, max: 4 })),
        dilation: pairOf(fc.constantFrom(1, 1, 2, 3)),
        padding: pairOf(fc.integer({ min: 0, max: 2 })),
      }),
      fc.constantFrom(square(2, 2, 0), square(3, 2, 1), square(3, 1, 1), square(3, 2, 0), square(9, 1, 4)),
    ),
    ceil: fc.boolean(),
  })
  .map(({ planes, size, window, ceil }) => {
    const padding = window.padding.map((p, d) => Math.min(p, window.kernelSize[d]! >> 1)) as [number, number]
    const places = [0, 1].map((d) => {
      const room = size[d]! + 2 * padding[d]! - window.dilation[d]! * (window.kernelSize[d]! - 1) - 1
      if (!ceil) return Math.floor(room / window.stride[d]!) + 1
      const last = Math.ceil(room / window.stride[d]!)
      return last * window.stride[d]! >= size[d]! + padding[d]! ? last : last + 1
    }) as [number, number]
    return { ...window, planes, size, places, padding }
  })
  .filter(({ places }) => places[0] > 0 && places[1] > 0)

const count = ([a, b]: Pair) => a * b

/** Each window's taps on its plane, in order. */
function windowsOf({ size, places, kernelSize, stride, padding, dilation }: Geometry): number[][] {
  const [down, across] = ([0, 1] as const).map((d) =>
    Array.from({ length: places[d] }, (_, place) =>
      Array.from(
        { length: kernelSize[d] },
        (_, k) => place * stride[d] + k * dilation[d] - padding[d],
      ).filter((at) => at >= 0 && at < size[d]),
    ),
  )
  return down!.flatMap((ys) => across!.map((xs) => ys.flatMap((y) => xs.map((x) => y * size[1] + x))))
}

function recipeOf(pass: PoolKernel['pass'], { planes, size, places, ...window }: Geometry) {
  const [plane, pooled] = [contiguous([...planes, ...size]), contiguous([...planes, ...places])]
  const spreads = pass === 'put' || pass === 'spread'
  const inputs = {
    maxIndex: [plane],
    max: [plane],
    sum: [plane],
    take: [plane, pooled],
    put: [pooled, pooled],
    spread: [pooled],
  }
  const out = spreads ? plane.shape : pooled.shape
  return poolRecipe({ kind: 'pool', pass, inputs: inputs[pass], out, ...window }, { threads: 1 })
}

/** The place that a pooling would have found first, or (the last) NaN. */
function firstLargest(plane: Float32Array, taps: readonly number[]): number {
  let best = taps[0]!
  for (const at of taps) if (plane[at]! > plane[best]! || Number.isNaN(plane[at])) best = at
  return best
}

function perPlane(g: Geometry, x: Float32Array, size: Pair): Float32Array[] {
  return Array.from({ length: count(g.planes) }, (_, n) => x.subarray(n * count(size), (n + 1) * count(size)))
}

describe('maximum', () => {
  test('finds the first largest element of each window, and its place', () => {
    fc.assert(
      fc.property(geometries, seeds, kinds, (g, seed, kind) => {
        const windows = windowsOf(g)
        fc.pre(windows.every((taps) => taps.length > 0))
        const x = floats(seed, count(g.planes) * count(g.size), kind)
        const wanted = perPlane(g, x, g.size).flatMap((plane) =>
          windows.map((taps) => firstLargest(plane, taps)),
        )
        const values = wanted.map((at, i) => x[Math.floor(i / windows.length) * count(g.size) + at]!)
        const outs = count(g.planes) * windows.length
        const [largest, places] = runInParts(recipeOf('max', g), [x], [outs, outs])
        expect(Array.from(places!)).toEqual(wanted)
        expect(Array.from(largest!)).toEqual(values)
        expect(Array.from(runInParts(recipeOf('maxIndex', g), [x], [outs])[0]!)).toEqual(wanted)
        const taken = runInParts(recipeOf('take', g), [x, Float32Array.from(wanted)], [outs])
        expect(Array.from(taken[0]!)).toEqual(values)
      }),
      runs(50),
    )
  })

  test('adds gradients where the elements were', () => {
    fc.assert(
      fc.property(geometries, seeds, (g, seed) => {
        const windows = windowsOf(g)
        fc.pre(windows.every((taps) => taps.length > 0))
        const x = floats(seed, count(g.planes) * count(g.size), 'ties')
        const places = perPlane(g, x, g.size).flatMap((plane) =>
          windows.map((taps) => firstLargest(plane, taps)),
        )
        const gradient = floats(seed + 1, places.length)
        const wanted = Array.from(x, (): number[] => [])
        places.forEach((at, i) => {
          wanted[Math.floor(i / windows.length) * count(g.size) + at]!.push(gradient[i]!)
        })
        const [got] = runInParts(recipeOf('put', g), [gradient, Float32Array.from(places)], [x.length])
        expect(sumError(got!, wanted)).toBeLessThan(1)
      }),
      runs(40),
    )
  })

  const tiles: Geometry = {
    planes: [1, 2],
    size: [2, 9],
    places: [1, 4],
    kernelSize: [2, 2],
    stride: [2, 2],
    padding: [0, 0],
    dilation: [1, 1],
  }

  test('takes NaN from places outside the plane, and adds nothing there', () => {
    const x = floats(1, 36, 'ties')
    const places = Float32Array.of(-1, 18, Number.NaN, 17, 1e9, -Infinity, Infinity, 0)
    const [taken] = runInParts(recipeOf('take', tiles), [x, places], [8])
    const none = Number.NaN
    expect(Array.from(taken!)).toEqual([none, none, none, x[17], none, none, none, x[18]])
    const one = new Float32Array(8).fill(1)
    const loose = { ...tiles, size: [3, 6], places: [2, 2], padding: [1, 1], stride: [2, 3] } as Geometry
    const [put] = runInParts(recipeOf('put', loose), [one, places], [36])
    expect(Array.from(put!).flatMap((v, i) => (v === 0 ? [] : [i, v]))).toEqual([17, 1, 18, 1])
  })

  test('infinite gradients stay with their own element', () => {
    const places = Float32Array.of(0, 3, 4, 6, 1, 2, 5, 15)
    const gradient = Float32Array.of(Infinity, -Infinity, Number.NaN, 1, 2, 3, 4, Infinity)
    const wanted = new Array(36).fill(0)
    places.forEach((at, i) => {
      wanted[18 * Math.floor(i / 4) + at] = gradient[i]
    })
    expect(Array.from(runInParts(recipeOf('put', tiles), [gradient, places], [36])[0]!)).toEqual(wanted)
  })
})

describe('sum', () => {
  test('over each window', () => {
    fc.assert(
      fc.property(geometries, seeds, kinds, (g, seed, kind) => {
        const x = floats(seed, count(g.planes) * count(g.size), kind)
        const windows = windowsOf(g)
        const wanted = perPlane(g, x, g.size).flatMap((plane) =>
          windows.map((taps) => taps.map((at) => plane[at]!)),
        )
        const [got] = runInParts(recipeOf('sum', g), [x], [wanted.length])
        expect(sumError(got!, wanted)).toBeLessThan(1)
      }),
      runs(50),
    )
  })

  test('spreads gradients over each window', () => {
    fc.assert(
      fc.property(geometries, seeds, kinds, (g, seed, kind) => {
        const windows = windowsOf(g)
        const gradient = floats(seed, count(g.planes) * windows.length, kind)
        const wanted = Array.from({ length: count(g.planes) * count(g.size) }, (): number[] => [])
        gradient.forEach((value, i) => {
          const start = Math.floor(i / windows.length) * count(g.size)
          for (const at of windows[i % windows.length]!) wanted[start + at]!.push(value)
        })
        const [got] = runInParts(recipeOf('spread', g), [gradient], [wanted.length])
        expect(sumError(got!, wanted)).toBeLessThan(1)
      }),
      runs(50),
    )
  })

  test('of a large window keeps its digits', () => {
    const g: Geometry = {
      planes: [1, 1],
      size: [200, 200],
      places: [1, 1],
      kernelSize: [200, 200],
      stride: [200, 200],
      padding: [0, 0],
      dilation: [1, 1],
    }
    const x = floats(3, 40_000).map((v) => 1 + Math.abs(v % 1))
    const exact = Array.from(x).reduce((sum, v) => sum + v, 0)
    const [got] = runInParts(recipeOf('sum', g), [x], [1])
    expect(Math.abs(got![0]! - exact) / exact).toBeLessThan(1e-6)
  })
})
