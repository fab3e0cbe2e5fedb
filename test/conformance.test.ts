import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Device } from '../src/device/device.ts'
import { deviceNames, openDevice } from '../src/device/open.ts'
import { type Entry, registry } from '../src/graph/define.ts'
import { realizeOn } from '../src/graph/realize.ts'
import { readOn } from '../src/graph/values.ts'
import { closeness, largestOf } from './support/closeness.ts'
import { casesOf } from './support/samples.ts'
import '../src/index.ts'
import '../src/optim/index.ts'

// One suite for every device: each declared operation, over drawn shapes and layouts, against `reference`.
const present = await Promise.all(
  deviceNames
    .filter((name) => name !== 'reference')
    .map(async (name) => {
      try {
        return { name, device: await openDevice(name) }
      } catch (error) {
        return { name, absent: (error as Error).message }
      }
    }),
)

for (const entry of present)
  describe(entry.name, () => {
    if ('absent' in entry) {
      test.skip(`absent: ${entry.absent}`, () => {})
      return
    }
    test.each([...registry.values()])('$name', (op) => conforms(op, entry.device!))
  })

function conforms(op: Entry, device: Device): Promise<void> {
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
      expect(closeness(got, wanted, { floor }), `${c}\ngot ${got}\nwanted ${wanted}`).toBeLessThanOrEqual(1)
    }),
    { numRuns: Math.min(Number(process.env.RUNS ?? 12), 1000) },
  )
}
