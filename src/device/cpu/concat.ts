import { sizeOf, stridesOf } from '../../shape.ts'
import type { View } from '../../view.ts'
import type { ConcatKernel } from '../kernel.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { copyStage } from './runs.ts'

/** One copy per part. Parts may be any views without a mask. */
export function concatRecipe({ inputs, out, dim }: ConcatKernel, _options: RecipeOptions): Recipe {
  const strides = stridesOf(out)
  let start = 0
  const stages = (inputs as readonly View[]).map((part, i) => {
    const place: View = { shape: part.shape, strides, offset: start * strides[dim]!, mask: null }
    start += part.shape[dim]!
    return copyStage(part, place, { from: i, to: inputs.length })
  })
  return { workspace: 0, stages: stages.filter((_, i) => sizeOf(inputs[i]!.shape) > 0) }
}
