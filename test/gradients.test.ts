import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gradcheck } from '../src/check/gradcheck.ts'
import { registry } from '../src/graph/define.ts'
import type { Tensor } from '../src/tensor.ts'
import { casesOf } from './support/samples.ts'
import '../src/index.ts'
import '../src/optim/index.ts'

const differentiable = [...registry.values()].filter((op) => op.differentiable)

describe.each(differentiable)('$name', (op) => {
  test('first and second derivative match central differences', () =>
    fc.assert(
      fc.asyncProperty(casesOf(op), async (c) => {
        const report = await gradcheck((...xs) => op.apply(xs, c.params) as Tensor, c.inputs, { order: 2 })
        expect(report.ok, String(report)).toBe(true)
      }),
    ))
})
