import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { opTable, page } from './support/op-table.ts'

test('docs/ops.md is what npm run docs writes', () => {
  expect(readFileSync(page, 'utf8').replaceAll('\r\n', '\n')).toBe(opTable())
})

test('every operation is explained, with what it takes', () => {
  const bare = opTable()
    .split('\n')
    .filter((line) => /^\| `\w+` \| `` /.test(line))
  expect(bare).toEqual([])
})
