import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Device } from '../src/device/device.ts'
import { deviceNames, openDevice } from '../src/device/open.ts'
import { type Entry, registry } from '../src/graph/define.ts'
import { realizeOn } from '../src/graph/realize.ts'
import { readOn } from '../src/graph/values.ts'
import { closeness } from './support/closeness.ts'
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
      expect(closeness(got, wanted), `${c}\ngot ${got}\nwanted ${wanted}`).toBeLessThanOrEqual(1)
    }),
    { numRuns: Math.min(Number(process.env.RUNS ?? 12), 1000) },
  )
}
