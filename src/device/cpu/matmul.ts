import type { MatmulKernel } from '../kernel.ts'
import { dotRecipe } from './matmul/dot.ts'
import { outerRecipe } from './matmul/outer.ts'
import { planOf } from './matmul/plan.ts'
import { batchSize, type Product, productOf } from './matmul/product.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { fillRun } from './runs.ts'
import { i32 } from './wasm/expr.ts'
import type { Func } from './wasm/func.ts'

/** [..., M, K] times [..., K, N], whose operands may lie in memory in any way but behind masks. */
export function matmulRecipe(kernel: MatmulKernel, { threads }: RecipeOptions): Recipe {
  const product = productOf(kernel)
  if (product.k === 0) return zeros(product)
  const plan = planOf(product, threads)
  return plan.form === 'dot' ? dotRecipe(product, plan) : outerRecipe(product, plan)
}

/** Sums of nothing. */
function zeros(product: Product): Recipe {
  const size = batchSize(product) * product.m * product.n
  const routine = {
    key: 'matmul zeros',
    scratch: 0,
    build: (f: Func) => fillRun(f, i32.add(f.pointer(2), i32.shl(f.lo, 2)), 0, f.let(i32.sub(f.hi, f.lo))),
  }
  return { workspace: 0, stages: [{ routine, units: size, cost: 0.1 }] }
}
