import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Case, caseOf } from './fixtures.ts'

/** Every case under `folder`, in order of their names; sub-folders name the cases. */
export function readCases(folder: string): Case[] {
  const root = resolve(folder)
  if (!existsSync(root)) return []
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.json') && basename(path) !== 'index.json')
    .sort()
    .map((path) => {
      const within = dirname(path).replaceAll('\\', '/')
      return caseOf(readFileSync(join(root, path), 'utf8'), within === '.' ? null : within, basename(path))
    })
}
