import { expect, test } from 'vitest'
import { currentDevice } from '../src/device/current.ts'
import { KdgradError } from '../src/errors.ts'
import { differences } from './support/fixture-compare.ts'
import { deviceLimit } from './support/fixture-limits.ts'
import { compute } from './support/fixture-run.ts'
import { type Case, readCases, subject } from './support/fixtures.ts'
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

async function failures(c: Case): Promise<string[]> {
  const { precision } = await currentDevice()
  try {
    const computed = await compute(c)
    if (!computed) return [`nothing maps ${c.op ? 'op' : 'method'} ${subject(c)}`]
    if (c.torchVerdict === 'throws') return [`expected an error: ${c.note}`]
    return differences(c, computed, precision)
  } catch (error) {
    if (!(error instanceof KdgradError)) throw error
    return c.torchVerdict === 'throws' ? [] : [error.message]
  }
}
