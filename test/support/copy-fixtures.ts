import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pendingReason, pendingSetting } from './fixture-pending.ts'
import { readCases } from './fixtures.ts'

// npx tsx test/support/copy-fixtures.ts ../shared/fixtures: copies every case that the library can run by now.

const from = process.argv[2] ?? '../shared/fixtures'
const cases = readCases(from).filter((c) => pendingReason(c) === null && pendingSetting(c) === null)
for (const { id } of cases) {
  const to = join('test/fixtures', `${id}.json`)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join(from, `${id}.json`), to)
}
console.log(`${cases.length} cases`)
