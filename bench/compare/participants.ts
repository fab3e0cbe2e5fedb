import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Program } from './child.ts'

export const PARTICIPANTS = ['kdgrad', 'tfjs', 'jax-js', 'torch'] as const

export type Name = (typeof PARTICIPANTS)[number]

export interface Participant {
  readonly name: Name
  /** The process that does works, on as many threads. */
  readonly worker: (threads: number) => Program
  /** The process that reads the logits in two files, [128, 100], and writes the gradient of KLDiv: nothing else. */
  readonly cold: (logits: readonly string[]) => Program
  /** Whether it can use more than one thread here. */
  readonly threaded: boolean
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const PEERS = path('../peers')

/**
 * Has glibc keep what is freed. Otherwise it hands large blocks back, and new pages are dear in virtual machines: they
 * made PyTorch's steps four times as long. Every participant runs with it.
 */
const KEEP_MEMORY = { MALLOC_MMAP_THRESHOLD_: `${2 ** 25}`, MALLOC_TRIM_THRESHOLD_: `${2 ** 30}` }

const node = (
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Program => ({
  command: process.execPath,
  args: ['--expose-gc', '--import', 'tsx', path(file), ...args],
  env: { ...KEEP_MEMORY, ...env },
})

const coldNode =
  (file: string, ...more: readonly string[]) =>
  (logits: readonly string[]): Program => ({
    command: process.execPath,
    args: [path(`../peers/cold/${file}`), ...logits, ...more],
    env: { KDGRAD_THREADS: '1' },
  })

/** kdgrad as built, on the device of that name. */
export const kdgrad = (device: string): Participant => ({
  name: 'kdgrad',
  worker: (threads) =>
    node('kdgrad.ts', [device], {
      KDGRAD_THREADS: `${threads}`,
      // The library's name means the built package here, and the sources everywhere else.
      TSX_TSCONFIG_PATH: path('built.tsconfig.json'),
    }),
  cold: coldNode('kdgrad.mjs', device),
  threaded: device === 'cpu',
})

const tfjs: Participant = {
  name: 'tfjs',
  worker: () => node('../peers/tfjs.ts'),
  cold: coldNode('tfjs.mjs'),
  threaded: false,
}

const jax: Participant = {
  name: 'jax-js',
  worker: () => node('../peers/jax.ts'),
  cold: coldNode('jax.mjs'),
  threaded: false,
}

const torch = (python: string): Participant => ({
  name: 'torch',
  worker: (threads) => ({
    command: python,
    args: [path('../peers/pytorch.py'), `${threads}`],
    env: { ...KEEP_MEMORY, OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}` },
  }),
  cold: (logits) => ({ command: python, args: [path('../peers/cold/pytorch.py'), ...logits] }),
  threaded: true,
})

/** The peers among `names` that are there; `tell` hears of those that are not. */
export function peersOf(names: readonly Name[], tell: (line: string) => void): Participant[] {
  const found: Participant[] = []
  if (names.includes('tfjs') || names.includes('jax-js')) {
    if (installed(tell)) found.push(...[tfjs, jax].filter(({ name }) => names.includes(name)))
    else tell('Without tfjs and jax-js: npm could not install them.')
  }
  if (names.includes('torch')) {
    const python = pythonWithTorch()
    if (python === null)
      tell('Without torch: no Python here can import it. Name one that can in KDGRAD_PYTHON.')
    else found.push(torch(python))
  }
  return found
}

function installed(tell: (line: string) => void): boolean {
  if (existsSync(`${PEERS}/node_modules`)) return true
  const args = ['ci', '--prefix', PEERS, '--ignore-scripts', '--no-audit', '--no-fund']
  tell(`npm ${args.join(' ')}`)
  return spawnSync('npm', args, { stdio: 'inherit' }).status === 0
}

function pythonWithTorch(): string | null {
  const candidates = [process.env.KDGRAD_PYTHON, 'python3', '/usr/bin/python3']
  const works = (python: string) => spawnSync(python, ['-c', 'import torch']).status === 0
  return candidates.find((python) => python !== undefined && works(python)) ?? null
}
