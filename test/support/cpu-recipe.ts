import type { Recipe } from '../../src/device/cpu/recipe.ts'
import { Runtime } from '../../src/device/cpu/runtime.ts'

export const runtime = new Runtime()

/** Runs a recipe on these inputs; `parts` splits each stage as so many threads would. */
export function runRecipe(
  { stages, workspace }: Recipe,
  inputs: readonly Float32Array[],
  outSizes: readonly number[],
  numbers: readonly number[] = [],
  { parts = 1 }: { readonly parts?: number } = {},
): Float32Array[] {
  const { memory } = runtime
  const sizes = [...inputs.map((x) => x.length), ...outSizes, ...(workspace > 0 ? [workspace / 4] : [])]
  const pointers = sizes.map((n) => memory.allocate(4 * n))
  inputs.forEach((x, i) => {
    memory.f32.set(x, pointers[i]! / 4)
  })
  // Nothing may rely on zeros.
  for (let i = inputs.length; i < sizes.length; i++)
    memory.f32.fill(Number.NaN, pointers[i]! / 4, pointers[i]! / 4 + sizes[i]!)
  for (const { routine, units } of stages) {
    const handle = runtime.define(routine)
    for (let part = 0; part < parts; part++)
      runtime.runRange(
        handle,
        pointers,
        numbers,
        Math.floor((part * units) / parts),
        Math.floor(((part + 1) * units) / parts),
      )
  }
  const outs = outSizes.map((n, i) => {
    const at = pointers[inputs.length + i]! / 4
    return memory.f32.slice(at, at + n)
  })
  sizes.forEach((n, i) => {
    memory.free(pointers[i]!, 4 * n)
  })
  return outs
}
