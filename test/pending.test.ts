import { expect, test } from 'vitest'
import { methodNames } from './support/fixture-methods.ts'
import { opNames } from './support/fixture-ops.ts'
import { optimRunners } from './support/fixture-optim.ts'
import { pendingMethods, pendingOps } from './support/fixture-pending.ts'
import { secondOrderNames } from './support/fixture-second-order.ts'

// What the fixtures wait for must not be here already: test/support/fixture-pending.ts only shrinks.

const mappedOps = [...opNames, ...secondOrderNames, ...Object.keys(optimRunners)]

test('no operation is both mapped and pending', () => {
  expect(mappedOps.filter((name) => pendingOps.has(name))).toEqual([])
})

test('no method is both mapped and pending', () => {
  expect(methodNames.filter((name) => pendingMethods.has(name))).toEqual([])
})
