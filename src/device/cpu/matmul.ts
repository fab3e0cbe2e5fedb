import type { MatmulKernel } from '../kernel.ts'
import { dotRecipe } from './matmul/dot.ts'
import { outerRecipe } from './matmul/outer.ts'
import { planOf } from './matmul/plan.ts'
import { productOf } from './matmul/product.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'

/** [..., M, K] times [..., K, N], whose operands may lie in memory in any way but behind masks. */
export function matmulRecipe(kernel: MatmulKernel, { threads }: RecipeOptions): Recipe {
  const product = productOf(kernel)
  const plan = planOf(product, threads)
  return plan.form === 'dot' ? dotRecipe(product, plan) : outerRecipe(product, plan)
}
