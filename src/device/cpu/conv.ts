import { contiguous } from '../../view.ts'
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

/** A convolution by Winograd's transforms where these are allowed and faster, else directly. */
export function convRecipe(
  kernel: Conv2dKernel,
  options: RecipeOptions & { readonly winograd: boolean },
): Recipe {
  const transformed = options.winograd ? winogradRecipe(kernel, options) : null
  return transformed ?? directRecipe(flattened(kernel), options)
}

/** A product of channels does not ask where rows end: planes become one row. */
function flattened(kernel: Conv2dKernel): Conv2dKernel {
  const { inputs, out, pass, stride, padding } = kernel
  const shapes = inputs.map((view) => view!.shape)
  const taps = pass === 'weightGrad' ? out : shapes[1]!
  const plain = taps[2] === 1 && taps[3] === 1 && [...stride, ...padding].join() === '1,1,0,0'
  if (!plain) return kernel
  const flat = (shape: readonly number[]) => [shape[0]!, shape[1]!, 1, shape[2]! * shape[3]!]
  return {
    ...kernel,
    inputs: shapes.map((shape) => contiguous(shape === taps ? shape : flat(shape))),
    out: out === taps ? out : flat(out),
  }
}

function directRecipe(kernel: Conv2dKernel, options: RecipeOptions): Recipe {
  const key = keyOf(kernel)
  if (kernel.pass === 'weightGrad') {
    const gradient = gradientOf(kernel)
    const narrow = gradient.to < 8 && gradient.cols.out >= 4
    return (narrow ? weightGradByRow : weightGrad)(key, gradient, options)
  }
  const correlation = correlationOf(kernel)
  return correlate(key, layoutOf(correlation, choose(correlation, options)))
}

/** All that the code depends on. */
function keyOf({ pass, inputs, out, stride, padding, dilation, groups }: Conv2dKernel): string {
  const shapes = [...inputs.map((view) => view!.shape), out].map((shape) => shape.join('x'))
  return [pass, ...shapes, stride, padding, dilation, groups].join(' ')
}
