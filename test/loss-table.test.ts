import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { losses } from '../src/losses/index.ts'
import { lossTable, page } from './support/loss-table.ts'

test('docs/losses.md is what npm run docs writes', () => {
  expect(readFileSync(page, 'utf8').replaceAll('\r\n', '\n')).toBe(lossTable())
})

describe.each([...losses.values()])('$id', ({ id, about, parameters }) => {
  const section = lossTable().split(`\n## ${id}\n`)[1]!.split('\n## ')[0]!

  test('says what it is', () => {
    for (const text of [about.title, about.formula]) expect(section).toContain(text)
    if (id !== 'ce') expect(section).toContain(about.paper)
  })

  test('says of every default where it is from', () => {
    const rows = section.split('\n').filter((line) => line.startsWith('| `'))
    expect(rows.map((row) => /^\| `(\w+)`/.exec(row)![1])).toEqual(Object.keys(parameters))
    for (const row of rows) expect(row).toMatch(/ \| \S[^|]* \|$/)
  })
})
