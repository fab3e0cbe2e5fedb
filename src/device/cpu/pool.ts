import type { PoolKernel } from '../kernel.ts'
import { maxRecipe } from './pool/max.ts'
import { putRecipe, takeRecipe } from './pool/places.ts'
import { spreadRecipe, sumRecipe } from './pool/sum.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'

/** Any pooling kernel; inputs are contiguous. A unit is a plane. */
export function poolRecipe(kernel: PoolKernel, _options: RecipeOptions): Recipe {
  switch (kernel.pass) {
    case 'maxIndex':
      return maxRecipe(kernel, false)
    case 'max':
      return maxRecipe(kernel, true)
    case 'take':
      return takeRecipe(kernel)
    case 'put':
      return putRecipe(kernel)
    case 'sum':
      return sumRecipe(kernel)
    case 'spread':
      return spreadRecipe(kernel)
  }
}
