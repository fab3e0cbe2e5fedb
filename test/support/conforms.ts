import fc from 'fast-check'
import type { Device } from '../../src/device/device.ts'
import { openDevice } from '../../src/device/open.ts'
import type { Entry } from '../../src/graph/define.ts'
import { realizeOn } from '../../src/graph/realize.ts'
import { readOn } from '../../src/graph/values.ts'
import { closeness, largestOf } from './closeness.ts'
import { casesOf } from './samples.ts'

/** Throws a counterexample unless an operation gives on `device` what it gives on `reference`, over drawn cases. */
export function conforms(op: Entry, device: Device, numRuns: number): Promise<void> {
  return fc.assert(
    fc.asyncProperty(casesOf(op, { views: true }), async (c) => {
      const reference = await openDevice('reference')
      // Two graphs: values live on one device at a time.
      const y = op.apply(c.inputs, c.params)
      await realizeOn(reference, [y])
      const wanted = await readOn(reference, y)
      const again = op.apply(c.inputs, c.params)
      await realizeOn(device, [again])
      const got = await readOn(device, again)
      // Where terms of the inputs' size cancel, as in 1 - cos(a, b), their rounding is all that is left: some eight
      // float32 units of that size.
      const inputs = await Promise.all(c.inputs.map(async (x) => largestOf(await readOn(reference, x))))
      const floor = Math.max(1e-3, ...inputs.map((size) => size / 10))
      const distance = closeness(got, wanted, { floor })
      if (distance > 1) throw new Error(`${c}\ngot ${got}\nwanted ${wanted}\n${distance} times too far`)
    }),
    { numRuns },
  )
}
