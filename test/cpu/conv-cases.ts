import type { Conv2dKernel, Pair } from '../../src/device/kernel.ts'
import type { Shape } from '../../src/shape.ts'
import { contiguous } from '../../src/view.ts'

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
export const productsOf = (geometry: Geometry): number =>
  product(shapesOf(geometry).y) * product(shapesOf(geometry).w.slice(1))

/** Numbers of about a normal distribution, the same for the same seed. */
export function normals(size: number, seed: number): Float32Array {
  let state = (seed * 2654435761) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    return state / 2 ** 32
  }
  return Float32Array.from({ length: size }, () => 2 * (next() + next() + next() - 1.5))
}

/** The convolution as it is defined, in float64. Zeros around planes are multiplied like other numbers. */
export function convolution(
  geometry: Geometry,
  pass: Pass,
  [first, second]: readonly Float32Array[],
): Float64Array {
  const { images, groups, from, to, plane, kernel, stride, padding, dilation } = geometry
  const [rows, cols] = [placesOf(geometry, 0), placesOf(geometry, 1)]
  const out = new Float64Array(sizesOf(geometry, pass).out)
  const [height, width] = plane
  const [kH, kW] = kernel
  const add = (at: number, a: number, b: number) => {
    out[at] = out[at]! + a * b
  }
  for (let n = 0; n < images; n++)
    for (let g = 0; g < groups; g++)
      for (let o = g * to; o < (g + 1) * to; o++)
        for (let c = 0; c < from; c++)
          for (let a = 0; a < kH; a++)
            for (let b = 0; b < kW; b++) {
              const w = ((o * from + c) * kH + a) * kW + b
              const input = (n * groups * from + g * from + c) * height
              const output = (n * groups * to + o) * rows
              if (pass === 'inputGrad') {
                for (let r = 0; r < height; r++)
                  for (let s = 0; s < width; s++) {
                    const [y, x] = [r + padding[0] - a * dilation[0], s + padding[1] - b * dilation[1]]
                    if (y % stride[0] !== 0 || x % stride[1] !== 0) continue
                    const [i, j] = [y / stride[0], x / stride[1]]
                    const inside = i >= 0 && i < rows && j >= 0 && j < cols
                    add((input + r) * width + s, inside ? first![(output + i) * cols + j]! : 0, second![w]!)
                  }
                continue
              }
              for (let i = 0; i < rows; i++)
                for (let j = 0; j < cols; j++) {
                  const y = i * stride[0] - padding[0] + a * dilation[0]
                  const x = j * stride[1] - padding[1] + b * dilation[1]
                  const inside = y >= 0 && y < height && x >= 0 && x < width
                  const read = (plane: Float32Array) => (inside ? plane[(input + y) * width + x]! : 0)
                  const at = (output + i) * cols + j
                  if (pass === 'forward') add(at, read(first!), second![w]!)
                  else add(w, first![at]!, read(second!))
                }
            }
  return out
}
