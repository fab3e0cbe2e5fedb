import { expect } from 'vitest'
import type { Recipe } from '../../src/device/cpu/recipe.ts'
import { firstDifference, runtime } from './cpu-recipe.ts'

/** Floats between two buffers, and what they are set to. */
const [GUARD, MARK] = [64, 12345.5]

/** What buffers hold before a run; kept, for new memory costs more than the work on it. */
let before = new Float32Array(0)

/**
 * Runs a recipe in one to three parts as threads would, the last part first. Results must agree bit for bit; inputs and
 * all that lies around buffers and scratch must stay as they were.
 */
export function runInParts(
  { stages, workspace }: Recipe,
  inputs: readonly Float32Array[],
  outSizes: readonly number[],
): Float32Array[] {
  const scratch = Math.max(0, ...stages.map(({ routine }) => routine.scratch)) / 4
  const sizes = [
    ...inputs.map((x) => x.length),
    ...outSizes,
    ...(workspace > 0 ? [workspace / 4] : []),
    scratch,
  ]
  let end = GUARD
  const starts = sizes.map((n) => {
    const start = end
    end += 16 * Math.ceil(n / 16) + GUARD
    return start
  })
  // Outputs, the workspace and what may follow each of them up to the next multiple of 64 bytes may change.
  const fixed: (readonly [from: number, to: number])[] = []
  let from = 0
  for (let i = inputs.length; i < sizes.length; i++) {
    fixed.push([from, starts[i]!])
    from = starts[i]! + (i < sizes.length - 1 ? 16 * Math.ceil(sizes[i]! / 16) : sizes[i]!)
  }
  fixed.push([from, end])

  if (before.length < end) before = new Float32Array(2 * end)
  before.fill(MARK, 0, end)
  inputs.forEach((x, i) => {
    before.set(x, starts[i]!)
  })
  const { memory } = runtime
  const handles = stages.map(({ routine }) => runtime.define(routine))
  const arena = memory.allocate(4 * end)
  const [scratchAt, ...pointers] = [starts.at(-1)!, ...starts.slice(0, -1).map((at) => arena + 4 * at)]
  const at = (from: number, to: number) => memory.f32.subarray(arena / 4 + from, arena / 4 + to)

  const results = [1, 2, 3].map((parts) => {
    at(0, end).set(before.subarray(0, end))
    stages.forEach(({ units }, s) => {
      // Compiles, and leaves the arguments in place.
      runtime.runRange(handles[s]!, pointers, [], 0, 0)
      const bounds = Array.from({ length: parts + 1 }, (_, part) => Math.floor((part * units) / parts))
      for (let part = parts - 1; part >= 0; part--) {
        at(scratchAt, scratchAt + scratch).fill(MARK)
        handles[s]!.compiled!.call(
          memory.argumentsAt,
          bounds[part]!,
          bounds[part + 1]!,
          arena + 4 * scratchAt,
        )
      }
    })
    for (const [from, to] of fixed) {
      const changed = firstDifference(at(from, to), before.subarray(from, to))
      expect(changed, "a place that is not the recipe's was written").toBe(-1)
    }
    return outSizes.map((n, i) => at(starts[inputs.length + i]!, starts[inputs.length + i]! + n).slice())
  })
  memory.free(arena, 4 * end)
  const [whole, ...split] = results as [Float32Array[], ...Float32Array[][]]
  split.forEach((outs, k) => {
    outs.forEach((out, i) => {
      expect(firstDifference(out, whole[i]!), `output ${i} differs in ${k + 2} parts`).toBe(-1)
    })
  })
  return whole
}
