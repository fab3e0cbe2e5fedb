import type { Conv2dKernel } from '../kernel.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { axisOf } from './winograd/axis.ts'
import { convolutionRecipe } from './winograd/convolve.ts'
import { correlationRecipe } from './winograd/correlate.ts'
import { STRIDE_1, STRIDE_1_INPUT_GRAD } from './winograd/scheme.ts'

/** The convolution by Winograd's transforms, or null where they do not apply or are no faster. */
export function winogradRecipe(kernel: Conv2dKernel, options: RecipeOptions): Recipe | null {
  const { pass, out, padding } = kernel
  const [a, b] = kernel.inputs.map((view) => view!.shape) as [readonly number[], readonly number[]]
  if (pass === 'weightGrad') {
    const axis = (d: 0 | 1) => axisOf(STRIDE_1, b[2 + d]!, a[2 + d]!, padding[d])
    return correlationRecipe(
      { images: a[0]!, plane: { rows: axis(0), cols: axis(1) }, in: b[1]!, out: a[1]! },
      options,
    )
  }
  const scheme = pass === 'forward' ? STRIDE_1 : STRIDE_1_INPUT_GRAD
  const axis = (d: 0 | 1) =>
    axisOf(scheme, a[2 + d]!, out[2 + d]!, pass === 'forward' ? padding[d] : 2 - padding[d])
  const [from, to] = [a[1]!, out[1]!]
  const perOut = b[1]! * 9
  const weights =
    pass === 'forward'
      ? { from, to, fromStride: 9, toStride: perOut }
      : { from, to, fromStride: perOut, toStride: 9 }
  return convolutionRecipe({ images: a[0]!, plane: { rows: axis(0), cols: axis(1) }, weights }, options)
}
