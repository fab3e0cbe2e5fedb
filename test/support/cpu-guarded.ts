import { expect } from 'vitest'
import type { Recipe } from '../../src/device/cpu/recipe.ts'
import { runtime } from './cpu-recipe.ts'

/** Floats between two buffers, and what they are set to. */
const [GUARD, MARK] = [64, 12345.5]

/**
 * Runs a recipe as `parts` threads would, the last part first: inputs and all that lies around buffers and scratch must
 * stay as they were.
 */
export function runGuarded(
  { stages, workspace }: Recipe,
  inputs: readonly Float32Array[],
  outSizes: readonly number[],
  parts: number,
): Float32Array[] {
  const scratch = Math.max(0, ...stages.map(({ routine }) => routine.scratch)) / 4
  const sizes = [...inputs.map((x) => x.length), ...outSizes, ...(workspace > 0 ? [workspace / 4] : [])]
  const starts: number[] = []
  let end = GUARD
  for (const n of [...sizes, scratch]) {
    starts.push(end)
    end += 16 * Math.ceil(n / 16) + GUARD
  }
  const scratchAt = starts.pop()!
  const { memory } = runtime
  const handles = stages.map(({ routine }) => runtime.define(routine))
  const arena = memory.allocate(4 * end)
  const pointers = starts.map((at) => arena + 4 * at)
  const before = new Float32Array(end).fill(MARK)
  inputs.forEach((x, i) => {
    before.set(x, starts[i]!)
  })
  memory.f32.set(before, arena / 4)
  stages.forEach(({ units }, s) => {
    // Compiles, and leaves the arguments in place.
    runtime.runRange(handles[s]!, pointers, [], 0, 0)
    const bounds = Array.from({ length: parts + 1 }, (_, part) => Math.floor((part * units) / parts))
    for (let part = parts - 1; part >= 0; part--) {
      memory.f32.fill(MARK, arena / 4 + scratchAt, arena / 4 + scratchAt + scratch)
      handles[s]!.compiled!.call(memory.argumentsAt, bounds[part]!, bounds[part + 1]!, arena + 4 * scratchAt)
    }
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
  after.fill(MARK, scratchAt, scratchAt + scratch)
  const changed = after.findIndex((value, i) => !Object.is(value, before[i]))
  expect(changed, "a place that is not the recipe's was written").toBe(-1)
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
