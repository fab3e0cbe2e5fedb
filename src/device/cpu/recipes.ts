import { asFused } from '../as-fused.ts'
import type { ChainKernel, Kernel, ReduceKernel } from '../kernel.ts'
import { argRecipe } from './arg-reduce.ts'
import { batchRecipe } from './batch.ts'
import { concatRecipe } from './concat.ts'
import { convRecipe } from './conv.ts'
import { deviationRecipe } from './deviation.ts'
import { gatherRecipe, scatterRecipe } from './indexing.ts'
import { fusedRecipe } from './loop.ts'
import { matmulRecipe } from './matmul.ts'
import { poolRecipe } from './pool.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { argsortRecipe } from './sort.ts'

/** How each kernel but a chain runs on this device. */
export function recipeOf(
  kernel: Exclude<Kernel, ChainKernel>,
  options: RecipeOptions & { readonly winograd: boolean },
): Recipe {
  switch (kernel.kind) {
    case 'map':
      return fusedRecipe(asFused(kernel), options)
    case 'reduce':
      return isArg(kernel) ? argRecipe(kernel, options) : fusedRecipe(asFused(kernel), options)
    case 'fused':
      return fusedRecipe(kernel, options)
    case 'batch':
      return batchRecipe(kernel)
    case 'matmul':
      return matmulRecipe(kernel, options)
    case 'conv2d':
      return convRecipe(kernel, options)
    case 'pool':
      return poolRecipe(kernel, options)
    case 'gather':
      return gatherRecipe(kernel, options)
    case 'scatter':
      return scatterRecipe(kernel, options)
    case 'concat':
      return concatRecipe(kernel, options)
    case 'deviation':
      return deviationRecipe(kernel, options)
    case 'argsort':
      return argsortRecipe(kernel, options)
  }
}

/** Whether it finds places. */
export const isArg = ({ op }: ReduceKernel): boolean => op === 'argmax' || op === 'argmin'
