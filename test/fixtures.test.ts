import { expect, test } from 'vitest'
import { currentDevice } from '../src/device/current.ts'
import { readCases } from './support/fixture-files.ts'
import { deviceLimit } from './support/fixture-limits.ts'
import { failures } from './support/fixture-run.ts'
import '../src/index.ts'

// One test per case of PyTorch's numbers, named <folder>/<case>: KDGRAD_FIXTURES names the folder of cases,
// KDGRAD_DEVICE the device (test/setup.ts).

const folder = process.env.KDGRAD_FIXTURES ?? 'test/fixtures'
const cases = readCases(folder)

if (cases.length === 0)
  test(`there are cases in ${folder}`, () => {
    throw new Error(`no JSON files in ${folder}`)
  })

for (const c of cases)
  test(c.id, async ({ skip }) => {
    const limit = deviceLimit(c, await currentDevice())
    if (limit) skip(limit)
    expect(await failures(c)).toEqual([])
  })
