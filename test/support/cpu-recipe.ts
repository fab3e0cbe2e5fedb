import type { Recipe } from '../../src/device/cpu/recipe.ts'
import { Runtime } from '../../src/device/cpu/runtime.ts'
import { i32 } from '../../src/device/cpu/wasm/expr.ts'
import type { Routine } from '../../src/device/cpu/wasm/func.ts'
import { f32x4, v128 } from '../../src/device/cpu/wasm/simd.ts'

export const runtime = new Runtime()

/** Where two arrays of a length first differ; NaN is the same as NaN. -1 where they do not. */
export function firstDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length)
  // Equal bytes, as a rule: a hundred times as fast to compare as numbers.
  const [x, y] = [a, b].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  )
  return x!.equals(y!) ? -1 : a.findIndex((value, i) => !Object.is(value, b[i]))
}

/** Fills scratch memory with NaN, from so many bytes up to twice as many: nothing may rely on what it holds. */
function poison(bytes: number): Routine {
  const scratch = 2 ** Math.max(4, Math.ceil(Math.log2(bytes)))
  return {
    key: `poison ${scratch}`,
    scratch,
    build: (f) => {
      const at = f.local('i32')
      f.for(at, 0, scratch, 16, () => f.do(v128.store(i32.add(f.scratch, at), f32x4.const(Number.NaN))))
    },
  }
}

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
  // All at once, to be compiled as one module.
  const handles = stages.map(({ routine }) => ({
    handle: runtime.define(routine),
    spoil: routine.scratch > 0 ? runtime.define(poison(routine.scratch)) : null,
  }))
  stages.forEach(({ units }, s) => {
    const { handle, spoil } = handles[s]!
    for (let part = 0; part < parts; part++) {
      if (spoil) runtime.runRange(spoil, [], [], 0, 1)
      runtime.runRange(
        handle,
        pointers,
        numbers,
        Math.floor((part * units) / parts),
        Math.floor(((part + 1) * units) / parts),
      )
    }
  })
  const outs = outSizes.map((n, i) => {
    const at = pointers[inputs.length + i]! / 4
    return memory.f32.slice(at, at + n)
  })
  sizes.forEach((n, i) => {
    memory.free(pointers[i]!, 4 * n)
  })
  return outs
}
