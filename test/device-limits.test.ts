import { beforeAll, describe, test } from 'vitest'
import { device } from '../src/index.ts'
import { testDevice } from './setup.ts'
import { asking, leftOut, sizeChecks } from './support/size-limits.ts'

/** The device under test (KDGRAD_DEVICE); by itself `npm test` tries the one that does not take minutes for it. */
const name = testDevice === 'reference' ? 'cpu' : testDevice

describe(name, () => {
  beforeAll(async () => {
    await device(name)
    return async () => {
      await device(testDevice)
    }
  })
  for (const [what, check] of Object.entries(sizeChecks)) {
    const why = leftOut(what, name)
    if (why) test.skip(`${what}: ${why}`, () => {})
    else
      test(what, { timeout: 300_000 }, () =>
        check(asking((words) => console.log(`${name} refuses: ${words}`))),
      )
  }
})
