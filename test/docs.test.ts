import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { device } from '../src/index.ts'
import { losses } from '../src/losses/index.ts'
import { testDevice } from './setup.ts'

// Every TypeScript snippet of the documents is run as it is written. A hidden comment `<!-- given ... -->` before it
// supplies the values that a reader would have at hand; it can import another snippet of the page.
const PAGES = ['README.md', 'docs/api.md', 'docs/add-a-loss.md']
const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = join(root, 'test/.snippets/docs')
/** What the given lines and the property test of api.md use without importing it. */
const AROUND: Readonly<Record<string, string>> = {
  Random: "import { Random } from '../../../src/random.ts'",
  tensor: "import { tensor } from 'kdgrad'",
  kldiv: "import { kldiv } from 'kdgrad/losses'",
  test: 'export const properties = []; const test = (name, run) => { properties.push(run) }',
}

interface Snippet {
  readonly name: string
  readonly path: string
  readonly code: string
}

function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), 'utf8')
  const blocks = text.matchAll(/(?:<!-- given\n([\s\S]*?)-->\n)?```ts\n([\s\S]*?)```/g)
  return [...blocks].map(([, given = '', code = ''], i) => {
    const body = `${given}\n${code}`
    const missing = Object.keys(AROUND).filter(
      (word) => new RegExp(`\\b${word}\\(|new ${word}\\b|= ${word}\\n`).test(body) && !imported(code, word),
    )
    const imports = [...code.matchAll(/^import .*$/gm)].map(([line]) => line)
    const rest = code.replace(/^import .*$/gm, '')
    const name = `${page} snippet ${i + 1}`
    return {
      name,
      path: join(scratch, `${name.replaceAll(/\W+/g, '-')}.ts`),
      code: [...imports, ...missing.map((word) => AROUND[word]), given, rest].join('\n'),
    }
  })
}

const imported = (code: string, word: string) =>
  [...code.matchAll(/^import .*$/gm)].some(([line]) => new RegExp(`\\b${word}\\b`).test(line))

afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true })
  await device(testDevice)
})

describe.each(PAGES)('%s', (page) => {
  const snippets = snippetsOf(page)

  test('has snippets', () => expect(snippets.length).toBeGreaterThan(0))

  beforeAll(() => {
    mkdirSync(scratch, { recursive: true })
    for (const { path, code } of snippets) writeFileSync(path, code)
  })

  test.each(snippets)('$name runs as written', async ({ path }) => {
    const ran = (await import(/* @vite-ignore */ path)) as { properties?: (() => Promise<void>)[] }
    for (const property of ran.properties ?? []) await property()
  })
})

test('the README lists every published loss', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  for (const id of losses.keys()) if (id !== 'ce') expect(text).toContain(`\`${id}\``)
})

test('the README names no file that is missing', () => {
  const links = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/\]\((?!http)([^)]+)\)/g)].map(
    (m) => m[1]!,
  )
  for (const link of links) expect(() => readFileSync(join(root, link)), link).not.toThrow()
})
