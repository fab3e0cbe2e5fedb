import { fusedRecipe } from '../../src/device/cpu/loop.ts'
import type { FusedKernel } from '../../src/device/kernel.ts'
import { outputSizes } from '../../src/device/outputs.ts'
import { firstDifference, runtime } from '../support/cpu-recipe.ts'

/** A number that no kernel makes. */
const GUARD = -12345.6789

export interface FusedInputs {
  readonly buffers: readonly Float32Array[]
  readonly numbers?: readonly number[]
}

export interface RunOptions {
  readonly threads?: number
  /** Ranges that each stage is run in. */
  readonly parts?: number
  /** The units [lo, hi) of the only stage, rather than all. */
  readonly range?: readonly [lo: number, hi: number]
  /** Lays the first output over the first input. */
  readonly inPlace?: boolean
}

/**
 * Runs a kernel in a block of its own, each buffer between guards; throws where it writes what it must not. Outputs and
 * workspace start as NaN.
 */
export function runFused(
  kernel: FusedKernel,
  { buffers, numbers = [] }: FusedInputs,
  { threads = 1, parts = 1, range, inPlace = false }: RunOptions = {},
): Float32Array[] {
  const { stages, workspace } = fusedRecipe(kernel, { threads })
  const { memory } = runtime
  const sizes = [
    ...buffers.map((x) => x.length),
    ...outputSizes(kernel),
    ...(workspace > 0 ? [workspace / 4] : []),
  ]
  let end = 16
  const starts = sizes.map((n) => {
    const start = end
    end += 16 * Math.ceil(n / 16) + 16
    return start
  })
  const at = memory.allocate(4 * end)
  memory.f32.fill(GUARD, at / 4, at / 4 + end)
  const view = (i: number) => memory.f32.subarray(at / 4 + starts[i]!, at / 4 + starts[i]! + sizes[i]!)
  sizes.forEach((_, i) => {
    if (i < buffers.length) view(i).set(buffers[i]!)
    else view(i).fill(Number.NaN)
  })
  const pointers = starts.map((start) => at + 4 * start)
  if (inPlace) pointers[buffers.length] = pointers[0]!
  // All at once, to be compiled as one module.
  const handles = stages.map(({ routine }) => runtime.define(routine))
  for (const [s, { units }] of stages.entries()) {
    const bound = (part: number) => Math.floor((part * units) / parts)
    const ranges = range
      ? [range]
      : Array.from({ length: parts }, (_, p) => [bound(p), bound(p + 1)] as const)
    for (const [lo, hi] of ranges) runtime.runRange(handles[s]!, pointers, numbers, lo, hi)
  }
  const guards = memory.f32.subarray(at / 4, at / 4 + end)
  starts.forEach((start, i) => {
    const after = start + 16 * Math.ceil(sizes[i]! / 16)
    for (const place of [start - 16, after])
      if (guards.subarray(place, place + 16).some((x) => x !== Math.fround(GUARD)))
        throw new Error(`buffer ${i} of ${sizes[i]} elements was written outside`)
    if (i < buffers.length && !(inPlace && i === 0) && firstDifference(view(i), buffers[i]!) >= 0)
      throw new Error(`input ${i} was written`)
  })
  const outputs = outputSizes(kernel).map((_, s) => view(inPlace && s === 0 ? 0 : buffers.length + s).slice())
  memory.free(at, 4 * end)
  return outputs
}

/** The largest difference, as a share of the largest number where that is above 1; infinite where only one is NaN or infinite. */
export function farthest(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let largest = 1
  for (let i = 0; i < want.length; i++)
    if (Number.isFinite(want[i])) largest = Math.max(largest, Math.abs(want[i]!))
  let worst = got.length === want.length ? 0 : Infinity
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [got[i]!, want[i]!]
    if (Object.is(a, b) || a === b) continue
    const difference = Math.abs(a - b) / largest
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference)
  }
  return worst
}

/** Numbers that repeat, between -2 and 2. */
export function numbersLike(count: number, seed = 1): Float32Array {
  let state = seed * 2654435761
  const numbers = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    numbers[i] = (state / 2 ** 32) * 4 - 2
  }
  return numbers
}
