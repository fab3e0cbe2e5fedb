import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Who may import whom at run time. A room may always import itself; `import type` is free. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  shape: ['errors'],
  view: ['shape'],
  random: ['errors'],
  device: ['errors', 'shape', 'view'],
  tensor: ['errors', 'shape'],
  graph: ['errors', 'shape', 'view', 'tensor', 'device'],
  ops: ['errors', 'shape', 'view', 'tensor', 'graph'],
  // Adapters are networks: losses build them from layers, and never see a model.
  losses: ['errors', 'shape', 'tensor', 'graph', 'ops', 'random', 'nn'],
  nn: ['errors', 'shape', 'tensor', 'graph', 'ops', 'random'],
  optim: ['errors', 'shape', 'tensor', 'graph', 'ops', 'nn'],
  check: ['errors', 'shape', 'tensor', 'graph', 'ops', 'random', 'device', 'losses'],
  data: ['errors', 'shape', 'tensor', 'random'],
  train: ['errors', 'shape', 'tensor', 'graph', 'ops', 'random', 'data', 'nn', 'losses', 'optim', 'device'],
}

/** Files that read or write files: everything else runs in a browser. */
const MAY_USE_NODE = [
  /^cli\//,
  /^data\/(files|fetch|unpack|make-folder)\.ts$/,
  /^train\/(run-folder|lock|weights-file|write-whole)\.ts$/,
]

/** Longest file, so that one purpose stays one file. */
const MOST_LINES = 400

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
const room = (path: string) => path.split('/')[0]!.replace('.ts', '')

/** Modules a file imports or re-exports at run time, and whether it waits for them (`await import`). */
function imports(path: string): string[] {
  const text = readFileSync(join('src', path), 'utf8')
  const statements = text.matchAll(/^(?:import|export)\s(?!type\s)(?:[^'"();]*?\sfrom\s)?'([^']+)'/gm)
  const dynamic = text.matchAll(/\bimport\('([^']+)'\)/g)
  return [...statements, ...dynamic].map((m) => m[1]!)
}

describe('who may import whom', () => {
  test.each(files.filter((path) => room(path) !== 'index' && room(path) !== 'cli'))('%s', (path) => {
    for (const target of imports(path)) {
      if (target.startsWith('node:')) {
        expect(
          MAY_USE_NODE.some((allowed) => allowed.test(path)),
          `${path} imports ${target}`,
        ).toBe(true)
        continue
      }
      if (!target.startsWith('.')) continue
      const to = room(relative('.', join(dirname(path), target)).replaceAll('\\', '/'))
      expect([room(path), ...(MAY[room(path)] ?? [])], `${path} imports ${target}`).toContain(to)
    }
  })

  test('only the gpu.js runtime imports gpu.js', () => {
    const users = files.filter((path) => imports(path).includes('gpu.js'))
    expect(users).toEqual(['device/gpujs/runtime.ts'])
  })

  test('losses take layers from nn, and no models', () => {
    const targets = files
      .filter((path) => room(path) === 'losses')
      .flatMap(imports)
      .filter((target) => target.includes('/nn/'))
    expect(targets.filter((target) => !/\/nn\/(layers\/[^/]+|module|init)\.ts$/.test(target))).toEqual([])
  })

  test('nothing imports the command line', () => {
    const users = files.filter(
      (path) => room(path) !== 'cli' && imports(path).some((target) => target.includes('cli/')),
    )
    expect(users).toEqual([])
  })
})

test.each(files)('%s is short enough to have one purpose', (path) => {
  expect(readFileSync(join('src', path), 'utf8').split('\n').length).toBeLessThanOrEqual(MOST_LINES)
})

test('the top level holds what it should and no more', () => {
  const agreed =
    /^(src|test|bench|docs|package\.json|package-lock\.json|tsconfig[^/]*\.json|README\.md|LICENSE|CHANGELOG\.md|\..*)$/
  // What running the project leaves behind is ignored by git.
  const left = ['node_modules', 'dist', 'runs']
  expect(readdirSync('.').filter((name) => !agreed.test(name) && !left.includes(name))).toEqual([])
})
