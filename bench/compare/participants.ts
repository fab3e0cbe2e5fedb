import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Program } from './child.ts'

export const PARTICIPANTS = ['kdgrad', 'tfjs', 'jax-js', 'torch'] as const

export type Name = (typeof PARTICIPANTS)[number]

/** Where all participants of a comparison compute. */
export type Place = 'cpu' | 'gpu'

/** The peers that compute there in Node or Python. */
export const PEERS: Readonly<Record<Place, readonly Name[]>> = {
  cpu: ['tfjs', 'jax-js', 'torch'],
  gpu: ['jax-js', 'torch'],
}

export interface Participant {
  readonly name: Name
  /** The process that does works, on as many threads. */
  readonly worker: (threads: number) => Program
  /** The process that reads the logits in two files, [128, 100], and writes the gradient of KLDiv: nothing else. */
  readonly cold: (logits: readonly string[]) => Program
  /** Whether it can use more than one thread here. */
  readonly threaded: boolean
}

const url = (relative: string) => new URL(relative, import.meta.url)
const path = (relative: string) => fileURLToPath(url(relative))
const FOLDER = path('../peers')

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

/** The same program where it finds WebGPU as in a browser: Node has none of its own. */
const withNavigator = ({ args, ...program }: Program): Program => ({
  ...program,
  args: ['--import', url('../peers/navigator-gpu.mjs').href, ...args],
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

function jax(place: Place): Participant {
  const [backend, within] = place === 'gpu' ? ['webgpu', withNavigator] : ['wasm', (same: Program) => same]
  const cold = coldNode('jax.mjs', backend)
  return {
    name: 'jax-js',
    worker: () => within(node('../peers/jax.ts', [backend])),
    cold: (logits) => within(cold(logits)),
    threaded: false,
  }
}

function torch(python: string, place: Place): Participant {
  const device = place === 'gpu' ? 'cuda' : 'cpu'
  return {
    name: 'torch',
    worker: (threads) => ({
      command: python,
      args: [path('../peers/pytorch.py'), device, `${threads}`],
      env: { ...KEEP_MEMORY, OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}` },
    }),
    cold: (logits) => ({ command: python, args: [path('../peers/cold/pytorch.py'), ...logits, device] }),
    threaded: place === 'cpu',
  }
}

/** The peers among `names` that are there; `tell` hears of those that are not. */
export function peersOf(names: readonly Name[], place: Place, tell: (line: string) => void): Participant[] {
  const found: Participant[] = []
  const scripts = [tfjs, jax(place)].filter(({ name }) => names.includes(name))
  if (scripts.length > 0) {
    if (installed(tell)) found.push(...scripts)
    else
      tell(`Without ${scripts.map(({ name }) => name).join(' and ')}: npm could not install what they need.`)
  }
  if (names.includes('torch')) {
    const python = pythonWithTorch()
    if (python === null)
      tell('Without torch: no Python here can import it. Name one that can in KDGRAD_PYTHON.')
    else found.push(torch(python, place))
  }
  return found
}

function installed(tell: (line: string) => void): boolean {
  if (existsSync(`${FOLDER}/node_modules`)) return true
  const args = ['ci', '--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund']
  tell(`npm ${args.join(' ')}`)
  return spawnSync('npm', args, { stdio: 'inherit' }).status === 0
}

function pythonWithTorch(): string | null {
  const candidates = [process.env.KDGRAD_PYTHON, 'python3', '/usr/bin/python3']
  const works = (python: string) => spawnSync(python, ['-c', 'import torch']).status === 0
  return candidates.find((python) => python !== undefined && works(python)) ?? null
}
