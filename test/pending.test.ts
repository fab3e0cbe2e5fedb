import { expect, test } from 'vitest'
import { opNames } from './support/fixture-ops.ts'
import { optimRunners } from './support/fixture-optim.ts'
import { pendingOps } from './support/fixture-pending.ts'
import { secondOrderNames } from './support/fixture-second-order.ts'

// What the fixtures wait for must not be here already: test/support/fixture-pending.ts only shrinks.

const mappedOps = [...opNames, ...secondOrderNames, ...Object.keys(optimRunners)]

test('no operation is both mapped and pending', () => {
  expect(mappedOps.filter((name) => pendingOps.has(name))).toEqual([])
})
