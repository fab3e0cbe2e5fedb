import type { Conv2dKernel } from '../kernel.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { axisOf, type Plane } from './winograd/axis.ts'
import { convolutionRecipe } from './winograd/convolve.ts'
import { correlationRecipe } from './winograd/correlate.ts'
import { forwardScheme, inputGradScheme } from './winograd/scheme.ts'

/** Products that a direct convolution adds in a nanosecond, and how much faster than that it is worth to be. */
const DIRECT = 26
const GAIN = 0.95
/** Bytes of transformed weights from which on memory is worth more than time. */
const MOST_WORKSPACE = 2 ** 28

/**
 * The convolution by Winograd's transforms, or null where they do not apply or are no faster: 3 x 3 taps at stride 1
 * with a quarter of the products, at stride 2 with 9/16. A NaN or an infinity spreads over its whole tile: 4 x 4
 * outputs, 8 x 8 in the input gradient of stride 2.
 */
export function winogradRecipe(kernel: Conv2dKernel, options: RecipeOptions): Recipe | null {
  const recipe = transformed(kernel, options)
  if (!recipe || recipe.workspace > MOST_WORKSPACE) return null
  const time = recipe.stages.reduce((sum, { units, cost }) => sum + units * cost, 0)
  return time < GAIN * (productsOf(kernel) / DIRECT) ? recipe : null
}

type Dims = readonly [number, number, number, number]
const shapesOf = ({ inputs, out }: Conv2dKernel) =>
  [...inputs.map((view) => view!.shape), out] as [Dims, Dims, Dims]

/** Products of a direct convolution. */
function productsOf(kernel: Conv2dKernel): number {
  const [first, second, out] = shapesOf(kernel)
  const [y, weight] =
    kernel.pass === 'forward' ? [out, second] : kernel.pass === 'inputGrad' ? [first, second] : [first, out]
  return [...weight, y[0], y[2], y[3]].reduce((a, b) => a * b)
}

const both = <T>(axis: (d: 0 | 1) => T): Plane<T> => ({ rows: axis(0), cols: axis(1) })

/** The same, be it slower or not; null only where it does not apply. */
export function transformed(kernel: Conv2dKernel, options: RecipeOptions): Recipe | null {
  const { pass, padding, dilation, groups } = kernel
  const [first, second, out] = shapesOf(kernel)
  const taps = pass === 'weightGrad' ? out : second
  const applies =
    [taps[2], taps[3], groups, ...dilation].join() === '3,3,1,1,1' &&
    kernel.stride.every((s) => s === 1 || s === 2) &&
    padding.every((p) => p <= 2) &&
    [...first, ...second, ...out].every((n) => n > 0)
  if (!applies) return null

  const stride = (d: 0 | 1) => kernel.stride[d] as 1 | 2
  const images = first[0]
  if (pass === 'weightGrad') {
    const [dy, x] = [first, second]
    const plane = both((d) => axisOf(forwardScheme(stride(d)), x[2 + d]!, padding[d], dy[2 + d]!))
    return correlationRecipe({ images, plane, in: x[1], out: dy[1] }, options)
  }
  const [from, to] = [first[1], out[1]]
  const [near, far] = [9, 9 * second[1]]
  if (pass === 'forward') {
    const plane = both((d) => axisOf(forwardScheme(stride(d)), first[2 + d]!, padding[d], out[2 + d]!))
    return convolutionRecipe(
      { images, plane, weights: { from, to, fromStride: near, toStride: far } },
      options,
    )
  }
  const plane = both((d) => {
    const { scheme, before } = inputGradScheme(stride(d), padding[d])
    return axisOf(scheme, first[2 + d]!, before, out[2 + d]!)
  })
  return convolutionRecipe({ images, plane, weights: { from, to, fromStride: far, toStride: near } }, options)
}
