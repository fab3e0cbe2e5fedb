import fc from 'fast-check'
import { gradcheck } from '../../src/check/gradcheck.ts'
import type { Entry } from '../../src/graph/define.ts'
import type { Tensor } from '../../src/tensor.ts'
import { casesOf } from './samples.ts'

/** Throws with a shrunk counterexample unless an operation's derivatives match central differences on drawn cases. */
export function gradientsHold(
  op: Entry,
  order: 1 | 2,
  parameters: fc.Parameters<unknown> = {},
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(casesOf(op), async (c) => {
      const report = await gradcheck((...xs) => op.apply(xs, c.params) as Tensor, c.inputs, { order })
      if (!report.ok) throw new Error(String(report))
    }),
    parameters as fc.Parameters<[unknown]> as never,
  )
}
