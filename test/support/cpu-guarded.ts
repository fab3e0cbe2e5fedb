import { expect } from 'vitest'
import type { Recipe } from '../../src/device/cpu/recipe.ts'
import { runtime } from './cpu-recipe.ts'

/** Floats between two buffers, and what they are set to. */
const [GUARD, MARK] = [64, 12345.5]

/**
 * Runs a recipe as `parts` threads would, the last part first: inputs and all that lies around buffers must stay as they
 * were.
 */
export function runGuarded(
  { stages, workspace }: Recipe,
  inputs: readonly Float32Array[],
  outSizes: readonly number[],
  parts: number,
): Float32Array[] {
  const sizes = [...inputs.map((x) => x.length), ...outSizes, ...(workspace > 0 ? [workspace / 4] : [])]
  const starts: number[] = []
  let end = GUARD
  for (const n of sizes) {
    starts.push(end)
    end += 16 * Math.ceil(n / 16) + GUARD
  }
  const { memory } = runtime
  const handles = stages.map(({ routine }) => runtime.define(routine))
  const arena = memory.allocate(4 * end)
  const before = new Float32Array(end).fill(MARK)
  inputs.forEach((x, i) => {
    before.set(x, starts[i]!)
  })
  memory.f32.set(before, arena / 4)
  stages.forEach(({ units }, s) => {
    const bounds = Array.from({ length: parts + 1 }, (_, part) => Math.floor((part * units) / parts))
    for (let part = parts - 1; part >= 0; part--)
      runtime.runRange(
        handles[s]!,
        starts.map((at) => arena + 4 * at),
        [],
        bounds[part]!,
        bounds[part + 1]!,
      )
  })
  const after = memory.f32.slice(arena / 4, arena / 4 + end)
  memory.free(arena, 4 * end)
  const outs = outSizes.map((n, i) => {
    const at = starts[inputs.length + i]!
    return after.slice(at, at + n)
  })
  // Outputs, the workspace and what may follow each of them up to the next multiple of 64 bytes may change.
  for (let i = inputs.length; i < sizes.length; i++)
    after.fill(MARK, starts[i]!, starts[i]! + 16 * Math.ceil(sizes[i]! / 16))
  const changed = after.findIndex((value, i) => !Object.is(value, before[i]))
  expect(changed, 'a place outside the outputs was written').toBe(-1)
  return outs
}

/** `runGuarded` in one to three parts, which must agree bit for bit. */
export function runInParts(
  recipe: Recipe,
  inputs: readonly Float32Array[],
  outSizes: readonly number[],
): Float32Array[] {
  const whole = runGuarded(recipe, inputs, outSizes, 1)
  for (const parts of [2, 3])
    runGuarded(recipe, inputs, outSizes, parts).forEach((out, i) => {
      const differs = out.findIndex((value, at) => !Object.is(value, whole[i]![at]))
      expect(differs, `output ${i} differs in ${parts} parts`).toBe(-1)
    })
  return whole
}
