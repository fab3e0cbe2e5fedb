import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchRecipe } from '../../src/device/cpu/batch.ts'
import type { BatchKernel, FusedKernel } from '../../src/device/kernel.ts'
import { contiguous } from '../../src/view.ts'
import { closeness } from '../support/closeness.ts'
import { floats, runs, seeds } from '../support/cpu-draws.ts'
import { runInParts } from '../support/cpu-guarded.ts'
import { runRecipe } from '../support/cpu-recipe.ts'
import { fusedReference } from '../support/fused-reference.ts'

const sizesOf = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(64, 77)), {
  minLength: 1,
  maxLength: 6,
})

const batchOf = (sizes: readonly number[], numbers: boolean): BatchKernel => {
  const each: FusedKernel = {
    kind: 'fused',
    out: [sizes[0]!],
    dims: [],
    inputs: [contiguous([sizes[0]!]), numbers ? null : contiguous([sizes[0]!]), contiguous([sizes[0]!])],
    values: [
      { kind: 'map', expr: 'a * b + c', args: [0, 1, 2] },
      { kind: 'map', expr: 'a - b', args: [0, 3] },
    ],
    stores: [
      { value: 3, level: 'element' },
      { value: 4, level: 'element' },
    ],
  }
  const views = sizes.flatMap((n) => Array.from({ length: numbers ? 2 : 3 }, () => contiguous([n])))
  return {
    kind: 'batch',
    out: [sizes.reduce((sum, n) => sum + n)],
    inputs: [...views, ...(numbers ? [null] : [])],
    each,
    sizes,
  }
}

const wantedFrom = ({ each, sizes }: BatchKernel, inputs: readonly Float32Array[], numbers: number[]) => {
  const arrays = inputs.length / sizes.length
  return sizes.flatMap((n, set) => {
    const views = each.inputs.map((view) => view && contiguous([n]))
    const own = inputs.slice(set * arrays, (set + 1) * arrays)
    return fusedReference({ ...each, out: [n], inputs: views }, own, numbers)
  })
}

const near = (got: readonly Float32Array[], wanted: readonly number[][]) =>
  got.forEach((values, i) => {
    expect(closeness(values, wanted[i]!, { tolerance: 1e-6 })).toBeLessThanOrEqual(1)
  })

test('every set has its own arrays, of its own length', () =>
  fc.assert(
    fc.property(sizesOf, seeds, (sizes, seed) => {
      const kernel = batchOf(sizes, false)
      const inputs = kernel.inputs.map((view, i) => floats(seed + i, view!.shape[0]!))
      const outs = sizes.flatMap((n) => [n, n])
      near(runInParts(batchRecipe(kernel), inputs, outs), wantedFrom(kernel, inputs, []))
    }),
    runs(40),
  ))

test('numbers are shared by all sets', () => {
  const sizes = [5, 1, 12]
  const kernel = batchOf(sizes, true)
  const inputs = sizes.flatMap((n, i) => [floats(i, n), floats(10 + i, n)])
  const outs = sizes.flatMap((n) => [n, n])
  const got = runRecipe(batchRecipe(kernel), inputs, outs, [0.375], { parts: 3 })
  near(got, wantedFrom(kernel, inputs, [0.375]))
})
