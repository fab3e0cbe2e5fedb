import type { Recipe } from '../../src/device/cpu/recipe.ts'
import type { Conv2dKernel, Pair } from '../../src/device/kernel.ts'
import type { Shape } from '../../src/shape.ts'
import { contiguous } from '../../src/view.ts'
import { runRecipe } from '../support/cpu-recipe.ts'

/** A convolution of planes; channels are those of one group. */
export interface Geometry {
  readonly images: number
  readonly groups: number
  readonly from: number
  readonly to: number
  readonly plane: Pair
  readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Pair
  readonly dilation: Pair
}

/** A geometry from the usual few numbers. */
export const square = (
  [images, from, to, side]: readonly [number, number, number, number],
  { kernel = 3, stride = 1, padding = 1, dilation = 1, groups = 1 } = {},
): Geometry => ({
  images,
  groups,
  from,
  to,
  plane: [side, side],
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding],
  dilation: [dilation, dilation],
})

const placesOf = ({ plane, kernel, stride, padding, dilation }: Geometry, d: 0 | 1): number =>
  Math.floor((plane[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1

function shapesOf(geometry: Geometry): { x: Shape; w: Shape; y: Shape } {
  const { images, groups, from, to, plane, kernel } = geometry
  return {
    x: [images, groups * from, ...plane],
    w: [groups * to, from, ...kernel],
    y: [images, groups * to, placesOf(geometry, 0), placesOf(geometry, 1)],
  }
}

export type Pass = Conv2dKernel['pass']
export const passes = ['forward', 'inputGrad', 'weightGrad'] as const

function rolesOf(geometry: Geometry, pass: Pass): readonly [inputs: readonly Shape[], out: Shape] {
  const { x, w, y } = shapesOf(geometry)
  return pass === 'forward' ? [[x, w], y] : pass === 'inputGrad' ? [[y, w], x] : [[y, x], w]
}

export function kernelOf(geometry: Geometry, pass: Pass): Conv2dKernel {
  const [inputs, out] = rolesOf(geometry, pass)
  const { stride, padding, dilation, groups } = geometry
  return { kind: 'conv2d', pass, inputs: inputs.map(contiguous), out, stride, padding, dilation, groups }
}

const product = (shape: Shape): number => shape.reduce((size, n) => size * n, 1)

export function sizesOf(geometry: Geometry, pass: Pass): { inputs: number[]; out: number } {
  const [inputs, out] = rolesOf(geometry, pass)
  return { inputs: inputs.map(product), out: product(out) }
}

/** Multiplications of a pass. */
const productsOf = (geometry: Geometry): number =>
  product(shapesOf(geometry).y) * product(shapesOf(geometry).w.slice(1))

/** Numbers of about a normal distribution, the same for the same seed. */
function normals(size: number, seed: number): Float32Array {
  let state = Math.imul(seed, 2654435761) | 1
  const numbers = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    let sum = 0
    for (let k = 0; k < 3; k++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      sum += state
    }
    numbers[i] = sum / 2 ** 31
  }
  return numbers
}

export const dataFor = (geometry: Geometry, pass: Pass): Float32Array[] =>
  sizesOf(geometry, pass).inputs.map((size, i) => normals(size, i + 1))

/** What a tap meets along a dim: `count` pairs of a place of the output and one of the padded input. */
interface Line {
  readonly out: number
  readonly outStep: number
  readonly in: number
  readonly inStep: number
  readonly count: number
}

/** The taps along a dim, and how many zeros stand before the input. */
function tapsOf(geometry: Geometry, d: 0 | 1, backward: boolean): { lines: Line[]; before: number } {
  const { plane, kernel, stride, padding, dilation } = geometry
  const [size, step, zeros] = [plane[d], stride[d], padding[d]]
  const taps = Array.from({ length: kernel[d] }, (_, k) => k * dilation[d])
  if (!backward) {
    const count = placesOf(geometry, d)
    return {
      lines: taps.map((tap) => ({ out: 0, outStep: 1, in: tap, inStep: step, count })),
      before: zeros,
    }
  }
  const before = Math.max(0, Math.ceil((taps.at(-1)! - zeros) / step))
  const lines = taps.map((tap): Line => {
    // The first place of the input whose window has this tap at a whole number of strides.
    const out = (((tap - zeros) % step) + step) % step
    const count = Math.max(0, Math.ceil((size - out) / step))
    return { out, outStep: step, in: (out + zeros - tap) / step + before, inStep: 1, count }
  })
  return { lines, before }
}

/** Planes in float64 with zeros around them, as far as the taps reach. */
function padded(planes: Float32Array, plane: Pair, taps: readonly { lines: Line[]; before: number }[]) {
  const [rows, cols] = taps.map(({ lines, before }, d) =>
    Math.max(before + plane[d as 0 | 1], ...lines.map((line) => line.in + line.count * line.inStep)),
  ) as [number, number]
  const [height, width] = plane
  const data = new Float64Array((planes.length / (height * width)) * rows * cols)
  for (let line = 0; line * width < planes.length; line++) {
    const row = Math.floor(line / height) * rows + taps[0]!.before + (line % height)
    data.set(planes.subarray(line * width, (line + 1) * width), row * cols + taps[1]!.before)
  }
  return { data, rows, cols }
}

/** The convolution as it is defined, in float64. Zeros around planes are multiplied like other numbers. */
export function convolution(
  geometry: Geometry,
  pass: Pass,
  [first, second]: readonly Float32Array[],
): Float64Array {
  const { images, groups, from, to, plane } = geometry
  const { w, y } = shapesOf(geometry)
  const backward = pass === 'inputGrad'
  const places: Pair = [y[2]!, y[3]!]
  const taps = ([0, 1] as const).map((d) => tapsOf(geometry, d, backward))
  const [downs, acrosses] = taps.map(({ lines }) => lines) as [Line[], Line[]]
  const input = padded(pass === 'weightGrad' ? second! : first!, backward ? places : plane, taps)
  const [height, width] = backward ? plane : places
  const isWeights = pass === 'weightGrad'
  const weights = isWeights ? new Float64Array(product(w)) : Float64Array.from(second!)
  const planes = isWeights ? Float64Array.from(first!) : new Float64Array(sizesOf(geometry, pass).out)
  const data = input.data
  for (let n = 0; n < images; n++)
    for (let o = 0; o < groups * to; o++)
      for (let c = 0; c < from; c++) {
        const xPlane = (n * groups + Math.floor(o / to)) * from + c
        const yPlane = n * groups * to + o
        const inRow = (backward ? yPlane : xPlane) * input.rows
        const outRow = (backward ? xPlane : yPlane) * height
        let at = (o * from + c) * downs.length * acrosses.length
        for (const down of downs)
          for (const across of acrosses) {
            const weight = weights[at]!
            let sum = 0
            for (let i = 0; i < down.count; i++) {
              let out = (outRow + down.out + i * down.outStep) * width + across.out
              let read = (inRow + down.in + i * down.inStep) * input.cols + across.in
              for (let j = 0; j < across.count; j++) {
                if (isWeights) sum += planes[out]! * data[read]!
                else planes[out] = planes[out]! + data[read]! * weight
                out += across.outStep
                read += across.inStep
              }
            }
            if (isWeights) weights[at] = weight + sum
            at++
          }
      }
  return isWeights ? weights : planes
}

/** Runs these recipes, and measures how far from float64 they come. */
export function runner(recipeOf: (geometry: Geometry, pass: Pass, threads: number) => Recipe) {
  const computed = (geometry: Geometry, pass: Pass, data: Float32Array[], threads = 1, parts = threads) =>
    runRecipe(recipeOf(geometry, pass, threads), data, [sizesOf(geometry, pass).out], [], { parts })[0]!

  /** The largest difference from float64, relative to the largest value, or what is usual for one if they all cancel. */
  function errorOf(geometry: Geometry, pass: Pass, ...results: readonly Float32Array[]): number {
    const expected = convolution(geometry, pass, dataFor(geometry, pass))
    const usual = Math.sqrt(productsOf(geometry) / expected.length)
    const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), usual)
    let worst = 0
    for (const got of results)
      for (let i = 0; i < expected.length; i++) {
        const error = Math.abs(got[i]! - expected[i]!)
        if (Number.isNaN(error)) return Number.NaN
        worst = Math.max(worst, error)
      }
    return worst / largest
  }

  return { computed, errorOf }
}
