import type { Conv2dKernel } from '../kernel.ts'
import { choose } from './conv/choose.ts'
import { correlate } from './conv/correlate.ts'
import { correlationOf } from './conv/correlation.ts'
import { gradientOf } from './conv/gradient.ts'
import { layoutOf } from './conv/layout.ts'
import { weightGrad } from './conv/weight-grad.ts'
import { weightGradByRow } from './conv/weight-grad-row.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { winogradRecipe } from './winograd.ts'

/** A convolution by Winograd's transforms where that is allowed and faster, else directly. */
export function convRecipe(
  kernel: Conv2dKernel,
  options: RecipeOptions & { readonly winograd: boolean },
): Recipe {
  const transformed = options.winograd ? winogradRecipe(kernel, options) : null
  return transformed ?? directRecipe(kernel, options)
}

function directRecipe(kernel: Conv2dKernel, options: RecipeOptions): Recipe {
  if (kernel.pass === 'weightGrad') return gradientRecipe(kernel, options)
  const correlation = correlationOf(kernel)
  return correlate(keyOf(kernel), layoutOf(correlation, choose(correlation, options)))
}

function gradientRecipe(kernel: Conv2dKernel, options: RecipeOptions): Recipe {
  const gradient = gradientOf(kernel)
  const narrow = gradient.to < 8 && gradient.cols.out >= 4
  return (narrow ? weightGradByRow : weightGrad)(keyOf(kernel), gradient, options)
}

/** All that the code depends on. */
function keyOf({ pass, inputs, out, stride, padding, dilation, groups }: Conv2dKernel): string {
  const shapes = [...inputs.map((view) => view!.shape), out].map((shape) => shape.join('x'))
  return [pass, ...shapes, stride, padding, dilation, groups].join(' ')
}
