import { describe, expect, test } from 'vitest'
import { asFused, copyKernel } from '../../src/device/as-fused.ts'
import { fusedRecipe } from '../../src/device/cpu/loop.ts'
import type { FusedKernel, FusedReduction, FusedValue } from '../../src/device/kernel.ts'
import { DeviceError } from '../../src/errors.ts'
import { contiguous, expandView, padView, permuteView, sliceView } from '../../src/view.ts'
import { firstDifference } from '../support/cpu-recipe.ts'
import { farthest, numbersLike, runFused } from './loop-support.ts'

const map = (expr: string, ...args: number[]): FusedValue => ({ kind: 'map', expr, args })
const reduce = (op: FusedReduction, arg: number, to: 'row' | 'all' = 'row'): FusedValue => ({
  kind: 'reduce',
  op,
  arg,
  from: 'element',
  to,
})
const rowsOf = (x: Float32Array, width: number): number[][] =>
  Array.from({ length: x.length / width }, (_, row) => Array.from(x.subarray(row * width, (row + 1) * width)))

/** log softmax of a row, in float64. */
function logSoftmax(row: readonly number[]): number[] {
  const most = Math.max(...row)
  const log = Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0))
  return row.map((x) => x - most - log)
}

describe('rows', () => {
  const softmax = (out: readonly number[], dim: number): FusedKernel => ({
    kind: 'fused',
    out,
    dims: [dim],
    inputs: [contiguous(out)],
    values: [
      reduce('max', 0),
      map('Math.exp(a - b)', 0, 1),
      reduce('sum', 2),
      map('a / b', 2, 3),
      map('a - b - Math.log(c)', 0, 1, 3),
    ],
    stores: [
      { value: 4, level: 'element' },
      { value: 5, level: 'element' },
      { value: 3, level: 'row' },
    ],
  })

  test.each([
    [1, 1],
    [7, 3],
    [128, 10],
    [9, 100],
    [5, 1001],
    [2, 3000],
  ])('softmax and its logarithm over [%i, %i]', (rows, width) => {
    const x = numbersLike(rows * width).map((v) => 6 * v)
    const [y, log] = runFused(softmax([rows, width], 1), { buffers: [x] })
    const want = rowsOf(x, width).flatMap(logSoftmax)
    expect(farthest(log!, want)).toBeLessThan(1e-6)
    expect(farthest(y!, want.map(Math.exp))).toBeLessThan(1e-6)
  })

  test('softmax over channels, a kept dim inside', () => {
    const [n, channels, places] = [2, 19, 35]
    const x = numbersLike(n * channels * places).map((v) => 6 * v)
    const [, log] = runFused(softmax([n, channels, places], 1), { buffers: [x] }, { parts: 3 })
    const at = (i: number, c: number, p: number) => (i * channels + c) * places + p
    const want = new Float64Array(x.length)
    for (let i = 0; i < n; i++)
      for (let p = 0; p < places; p++)
        logSoftmax(Array.from({ length: channels }, (_, c) => x[at(i, c, p)]!)).forEach((v, c) => {
          want[at(i, c, p)] = v
        })
    expect(farthest(log!, want)).toBeLessThan(1e-6)
  })

  test('a row of nothing but infinities below is NaN, as in PyTorch', () => {
    const [y] = runFused(softmax([1, 6], 1), { buffers: [new Float32Array(6).fill(-Infinity)] })
    expect([...y!]).toEqual(new Array(6).fill(Number.NaN))
  })

  test.each([
    [128, 100],
    [32, 1000],
    [31, 7],
  ])('KL divergence of [%i, %i] with its gradient in one kernel', (rows, width) => {
    const shape = [rows, width]
    const kernel: FusedKernel = {
      kind: 'fused',
      out: shape,
      dims: [1],
      // Student, teacher, 1 / T, T^2 / N, T / N.
      inputs: [contiguous(shape), contiguous(shape), null, null, null],
      values: [
        map('a * b', 0, 2),
        map('a * b', 1, 2),
        reduce('max', 5),
        reduce('max', 6),
        map('a - b', 5, 7),
        map('a - b', 6, 8),
        map('Math.exp(a)', 9),
        map('Math.exp(a)', 10),
        reduce('sum', 11),
        reduce('sum', 12),
        map('(a - Math.log(b)) - (c - Math.log(d))', 10, 14, 9, 13),
        map('a / b', 12, 14),
        map('a * b', 15, 16),
        reduce('sum', 17, 'all'),
        map('a * b', 18, 3),
        map('(a / b - c) * d', 11, 13, 16, 4),
      ],
      stores: [
        { value: 19, level: 'all' },
        { value: 20, level: 'element' },
      ],
    }
    const [student, teacher] = [1, 2].map((seed) => numbersLike(rows * width, seed).map((v) => 3 * v))
    const [value, gradient] = runFused(
      kernel,
      { buffers: [student!, teacher!], numbers: [1 / 4, 16 / rows, 4 / rows] },
      { threads: 2, parts: 2 },
    )
    const [s, t] = [student!, teacher!].map((x) =>
      rowsOf(x, width).flatMap((row) => logSoftmax(row.map((v) => v / 4))),
    )
    const want = t!.reduce((sum, log, i) => sum + Math.exp(log) * (log - s![i]!), 0) * (16 / rows)
    expect(Math.abs(value![0]! - want) / want).toBeLessThan(2e-6)
    const wantGradient = s!.map((log, i) => ((Math.exp(log) - Math.exp(t![i]!)) * 4) / rows)
    // By its own size: a gradient of a mean over many is small.
    const scale = wantGradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0)
    const scaled = (g: number) => g / scale
    expect(farthest(gradient!.map(scaled), wantGradient.map(scaled))).toBeLessThan(1e-5)
  })

  test.each([
    [64, 16, 8, 8],
    [3, 5, 7, 7],
    [70, 3, 2, 2],
  ])('batch normalisation of [%i, %i, %i, %i]', (n, channels, height, width) => {
    const out = [n, channels, height, width]
    const perChannel = expandView(contiguous([1, channels, 1, 1]), out)
    const count = n * height * width
    const kernel: FusedKernel = {
      kind: 'fused',
      out,
      dims: [0, 2, 3],
      inputs: [contiguous(out), perChannel, perChannel, null],
      values: [
        reduce('sum', 0),
        map('a / b', 4, 3),
        map('(a - b) * (a - b)', 0, 5),
        reduce('sum', 6),
        map('1.0 / Math.sqrt(a / b + 0.00001)', 7, 3),
        map('(a - b) * c * d + e', 0, 5, 8, 1, 2),
      ],
      stores: [
        { value: 9, level: 'element' },
        { value: 5, level: 'row' },
        { value: 7, level: 'row' },
      ],
    }
    // Far from 0, where a variance from sums of squares would have lost all its digits.
    const x = numbersLike(count * channels).map((v) => v + 1000)
    const [weight, bias] = [numbersLike(channels, 2), numbersLike(channels, 3)]
    const [y, mean, squares] = runFused(
      kernel,
      { buffers: [x, weight, bias], numbers: [count] },
      { parts: 2 },
    )
    const area = height * width
    const channelOf = (i: number) => Math.floor(i / area) % channels
    const sums = new Float64Array(channels)
    x.forEach((v, i) => {
      sums[channelOf(i)]! += v / count
    })
    const deviations = new Float64Array(channels)
    // The mean as float32 has it: the rest is measured from there.
    x.forEach((v, i) => {
      deviations[channelOf(i)]! += (v - mean![channelOf(i)]!) ** 2
    })
    expect(farthest(mean!, sums)).toBeLessThan(5e-7)
    expect(farthest(squares!, deviations)).toBeLessThan(1e-6)
    const want = Array.from(x, (v, i) => {
      const c = channelOf(i)
      return ((v - mean![c]!) / Math.sqrt(deviations[c]! / count + 1e-5)) * weight[c]! + bias[c]!
    })
    expect(farthest(y!, want)).toBeLessThan(1e-6)
  })
})

test('a chain with tanh, its sum and its gradient in one kernel', () => {
  const out = [100, 1001]
  const kernel: FusedKernel = {
    kind: 'fused',
    out,
    dims: [],
    inputs: [contiguous(out)],
    values: [
      map('0.7978845608 * (a + 0.044715 * a * a * a)', 0),
      map('Math.tanh(a)', 1),
      map('(a + 1.0) * b', 2, 0),
      reduce('sum', 3, 'all'),
      map('a + 1.0 + b * (1.0 - a * a) * 0.7978845608 * (1.0 + 0.134145 * b * b)', 2, 0),
    ],
    stores: [
      { value: 4, level: 'all' },
      { value: 5, level: 'element' },
    ],
  }
  const x = numbersLike(100 * 1001)
  const [sum, gradient] = runFused(kernel, { buffers: [x] }, { threads: 3, parts: 3 })
  const inner = (v: number) => 0.7978845608 * (v + 0.044715 * v ** 3)
  const value = (v: number) => (Math.tanh(inner(v)) + 1) * v
  const want = x.reduce((total, v) => total + value(v), 0)
  expect(Math.abs(sum![0]! - want) / want).toBeLessThan(1e-6)
  const slope = (v: number) => {
    const t = Math.tanh(inner(v))
    return t + 1 + v * (1 - t * t) * 0.7978845608 * (1 + 0.134145 * v * v)
  }
  expect(farthest(gradient!, Array.from(x, slope))).toBeLessThan(1e-6)
})

test('an optimiser step keeps its moment and the parameter', () => {
  const out = [37]
  const kernel: FusedKernel = {
    kind: 'fused',
    out,
    dims: [],
    inputs: [contiguous(out), contiguous(out), contiguous(out), null, null],
    values: [map('a * b + c', 2, 3, 1), map('a - b * c', 0, 5, 4)],
    stores: [
      { value: 5, level: 'element' },
      { value: 6, level: 'element' },
    ],
  }
  const [p, g, m] = [1, 2, 3].map((seed) => numbersLike(37, seed))
  const [moment, parameter] = runFused(kernel, { buffers: [p!, g!, m!], numbers: [0.9, 0.1] })
  const want = Array.from(m!, (v, i) => v * 0.9 + g![i]!)
  expect(farthest(moment!, want)).toBeLessThan(1e-6)
  expect(
    farthest(
      parameter!,
      Array.from(p!, (v, i) => v - 0.1 * want[i]!),
    ),
  ).toBeLessThan(1e-6)
})

describe('long sums keep their digits', () => {
  const out = [1000, 1000]
  // Sums of a million tenths: one float32 after the other would be off by a percent.
  const x = new Float32Array(1e6).fill(0.1)
  const tenth = x[0]!

  test.each([
    ['everything', [0, 1], 1e6],
    ['rows', [1], 1000],
    ['columns', [0], 1000],
  ] as const)('%s', (_, dims, count) => {
    const kernel = asFused({ kind: 'reduce', op: 'sum', dims, out: [], inputs: [contiguous(out)] })
    const [sums] = runFused(kernel, { buffers: [x] }, { threads: 2 })
    const worst = Math.max(...sums!.map((sum) => Math.abs(sum / (count * tenth) - 1)))
    expect(worst).toBeLessThan(1e-6)
  })

  test('one long row that comes back to its elements', () => {
    const kernel: FusedKernel = {
      kind: 'fused',
      out,
      dims: [0, 1],
      inputs: [contiguous(out)],
      values: [reduce('sum', 0), map('a / b', 0, 1)],
      stores: [{ value: 2, level: 'element' }],
    }
    const [shares] = runFused(kernel, { buffers: [x] })
    expect(shares![123]! * 1e6).toBeCloseTo(1, 5)
  })
})

describe('copies', () => {
  const x = numbersLike(6 * 40 * 24)
  const base = contiguous([6, 40, 24])
  const value = (i: number, j: number, k: number) => x[(i * 40 + j) * 24 + k]!

  test('of a transpose, in tiles that fit and that overlap', () => {
    for (const [rows, cols] of [
      [40, 24],
      [37, 23],
      [4, 5],
      [5, 18],
    ] as const) {
      const part = sliceView(base, [
        { start: 0, size: 6, step: 1 },
        { start: 1, size: rows - 1, step: 1 },
        { start: 0, size: cols, step: 1 },
      ])
      const [y] = runFused(copyKernel(permuteView(part, [0, 2, 1])), { buffers: [x] }, { parts: 3 })
      const wanted: number[] = []
      for (let i = 0; i < 6; i++)
        for (let k = 0; k < cols; k++) for (let j = 1; j < rows; j++) wanted.push(value(i, j, k))
      expect(firstDifference(y!, Float32Array.from(wanted))).toBe(-1)
    }
  })

  test('of a padded, flipped picture', () => {
    const flipped = sliceView(base, [
      { start: 5, size: 6, step: -1 },
      { start: 0, size: 40, step: 1 },
      { start: 23, size: 24, step: -1 },
    ])
    const view = padView(flipped, [
      [1, 0],
      [0, 2],
      [3, 1],
    ])
    const [y] = runFused(copyKernel(view), { buffers: [x] })
    const wanted: number[] = []
    for (let i = 0; i < 7; i++)
      for (let j = 0; j < 42; j++)
        for (let k = 0; k < 28; k++) {
          const inside = i >= 1 && j < 40 && k >= 3 && k < 27
          wanted.push(inside ? value(6 - i, j, 26 - k) : 0)
        }
    expect(firstDifference(y!, Float32Array.from(wanted))).toBe(-1)
  })
})

describe('recipes', () => {
  const out = [8, 3, 20]
  const perChannel = expandView(contiguous([1, 3, 1]), out)
  const bias = asFused({ kind: 'map', expr: 'a + b', out, inputs: [contiguous(out), perChannel] })

  test('say what a unit completes, and a range of units touches nothing else', () => {
    const { stages, workspace } = fusedRecipe(bias, { threads: 2 })
    expect(workspace).toBe(0)
    expect(stages).toMatchObject([{ units: 24, completes: 20 }])
    const x = numbersLike(480)
    const [y] = runFused(bias, { buffers: [x, numbersLike(3)] }, { range: [5, 9] })
    y!.forEach((v, i) => {
      expect(Number.isNaN(v)).toBe(i < 100 || i >= 180)
    })
  })

  test('say where an output may lie over an input', () => {
    const isInPlace = (kernel: FusedKernel) => fusedRecipe(kernel, { threads: 2 }).inPlace
    const [x, b] = [numbersLike(480), numbersLike(3, 2)]
    expect(isInPlace(bias)).toBe(true)
    expect(runFused(bias, { buffers: [x, b] }, { inPlace: true })).toEqual(
      runFused(bias, { buffers: [x, b] }),
    )

    // The first output does not need the input that it lies over, the second one does.
    const swap: FusedKernel = {
      kind: 'fused',
      out: [37],
      dims: [],
      inputs: [contiguous([37]), contiguous([37])],
      values: [map('b * 2.0', 0, 1), map('a + 1.0', 0)],
      stores: [
        { value: 2, level: 'element' },
        { value: 3, level: 'element' },
      ],
    }
    const pair = { buffers: [numbersLike(37), numbersLike(37, 2)] }
    expect(isInPlace(swap)).toBe(true)
    expect(runFused(swap, pair, { inPlace: true })).toEqual(runFused(swap, pair))

    const on = (inputs: FusedKernel['inputs'], shape: readonly number[]) =>
      isInPlace(asFused({ kind: 'map', expr: 'a + b', out: shape, inputs }))
    const uneven = [5, 7]
    expect(on([contiguous(uneven), expandView(contiguous([7]), uneven)], uneven)).toBe(false)
    const shifted = sliceView(contiguous([40]), [{ start: 1, size: 37, step: 1 }])
    expect(on([contiguous([37]), shifted], [37])).toBe(false)
    expect(isInPlace(copyKernel(permuteView(contiguous([40, 24]), [1, 0])))).toBe(false)
  })

  test('of one line have units of four elements', () => {
    const relu = asFused({ kind: 'map', expr: 'a > 0.0 ? a : 0.0', out, inputs: [contiguous(out)] })
    expect(fusedRecipe(relu, { threads: 2 }).stages).toMatchObject([{ units: 120, completes: 4 }])
    const [y] = runFused(relu, { buffers: [numbersLike(480)] }, { range: [3, 50] })
    y!.forEach((v, i) => {
      expect(Number.isNaN(v)).toBe(i < 12 || i >= 200)
    })
  })

  test('of rows complete a row, or what is kept of it', () => {
    const kernel = (level: 'element' | 'row'): FusedKernel => ({
      kind: 'fused',
      out: [9, 100],
      dims: [1],
      inputs: [contiguous([9, 100])],
      values: [reduce('max', 0), map('a * 2.0', 1)],
      stores: [{ value: 2, level }],
    })
    expect(fusedRecipe(kernel('element'), { threads: 2 }).stages).toMatchObject([
      { units: 9, completes: 100 },
    ])
    expect(fusedRecipe(kernel('row'), { threads: 2 }).stages).toMatchObject([{ units: 9, completes: 1 }])
  })

  test('of sums over everything have a part per thread, and one more stage', () => {
    const kernel = asFused({
      kind: 'reduce',
      op: 'sum',
      dims: [0, 1, 2],
      out: [1, 1, 1],
      inputs: [contiguous(out)],
    })
    const { stages, workspace } = fusedRecipe(kernel, { threads: 3 })
    expect(stages.map(({ units }) => units)).toEqual([3, 1])
    expect(workspace).toBe(3 * 64)
  })
})

describe('what cannot be', () => {
  test('places are no reduction', () => {
    const kernel = { kind: 'reduce', op: 'argmax', dims: [0], out: [1], inputs: [contiguous([4])] } as const
    expect(() => asFused(kernel)).toThrow(DeviceError)
  })

  test('what rows have is not stored as one number', () => {
    const kernel: FusedKernel = {
      kind: 'fused',
      out: [4, 5],
      dims: [1],
      inputs: [contiguous([4, 5])],
      values: [reduce('max', 0)],
      stores: [{ value: 1, level: 'all' }],
    }
    expect(() => runFused(kernel, { buffers: [numbersLike(20)] })).toThrow(/^fused: a reduction over rows/)
  })

  test('what is known at the end is not used before', () => {
    const values = [reduce('sum', 0, 'all'), map('a / b', 0, 1)]
    const kernel: FusedKernel = {
      kind: 'fused',
      out: [4],
      dims: [],
      inputs: [contiguous([4])],
      values,
      stores: [{ value: 2, level: 'element' }],
    }
    expect(() => fusedRecipe(kernel, { threads: 1 })).toThrow(/^fused: what is reduced over everything/)
    const twice = { ...kernel, values: [values[0]!, reduce('max', 1, 'all')] }
    expect(() => fusedRecipe(twice, { threads: 1 })).toThrow(/^fused: .*max of it/)
  })
})
