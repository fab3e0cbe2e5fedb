import { describe, test } from 'vitest'
import { deviceNames, openDevice } from '../src/device/open.ts'
import { registry } from '../src/graph/define.ts'
import { conforms } from './support/conforms.ts'
import '../src/index.ts'
import '../src/optim/index.ts'

const RUNS = Math.min(Number(process.env.RUNS ?? 12), 1000)

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
    test.each([...registry.values()])('$name', (op) => conforms(op, entry.device!, RUNS))
  })
