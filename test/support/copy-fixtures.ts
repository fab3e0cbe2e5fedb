import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readCases } from './fixture-files.ts'

// npx tsx test/support/copy-fixtures.ts ../shared/fixtures: copies every case, and nothing else of that folder.

const from = process.argv[2] ?? '../shared/fixtures'
const cases = readCases(from)
for (const { id } of cases) {
  const to = join('test/fixtures', `${id}.json`)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join(from, `${id}.json`), to)
}
console.log(`${cases.length} cases`)
