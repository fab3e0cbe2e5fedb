import { expect, test } from 'vitest'
import { bundle, kilobytes } from './browser/bundle.ts'

/** In kilobytes, gzipped, gpu.js included. */
const MOST = 400_000

test('Vite bundles the library without configuration, without node:, and small enough', async () => {
  const { scripts, warnings } = await bundle()
  const all = scripts.map(({ text }) => text).join('\n')
  // What asks for Node at run time, `getBuiltinModule('node:...')`, is no import.
  expect(all).not.toMatch(/(from|import)\s*\(?\s*["'`]node:/)
  expect(warnings.filter((text) => /externalized|node:/.test(text))).toEqual([])
  const total = scripts.reduce((sum, { gzipped }) => sum + gzipped, 0)
  console.log(`kdgrad in a page, gzipped: ${kilobytes(total)}`)
  expect(total).toBeLessThan(MOST)
  const first = scripts.find(({ name }) => name.startsWith('index-'))!
  // gpu.js and the devices come when they are opened.
  expect(first.gzipped).toBeLessThan(total / 2)
  expect(first.text).not.toContain('createKernelMap')
}, 60_000)
