import type { Conv2dKernel } from '../kernel.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { axisOf, type Plane } from './winograd/axis.ts'
import { convolutionRecipe } from './winograd/convolve.ts'
import { correlationRecipe } from './winograd/correlate.ts'
import { forwardScheme, inputGradScheme } from './winograd/scheme.ts'

/** The convolution by Winograd's transforms, or null where they do not apply or are no faster. */
export function winogradRecipe(kernel: Conv2dKernel, options: RecipeOptions): Recipe | null {
  return transformed(kernel, options)
}

const both = <T>(axis: (d: 0 | 1) => T): Plane<T> => ({ rows: axis(0), cols: axis(1) })

/** The convolution by Winograd's transforms, be it slower or not; null where they do not apply. */
export function transformed(kernel: Conv2dKernel, options: RecipeOptions): Recipe | null {
  const { pass, padding } = kernel
  const [first, second] = kernel.inputs.map((view) => view!.shape) as [Dims, Dims]
  const out = kernel.out as Dims
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

type Dims = readonly [number, number, number, number]
