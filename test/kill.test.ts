import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

// A run that is killed at any moment and goes on ends with the same metrics and weights as one that never stopped.
// RUNS=20 kills it that often.

const KILLS = Number(process.env.RUNS ?? 1)
const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'kdgrad-kill-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A teacher with dropout, a preliminary stage, a loss with a memory, a moving average, augmentation: all that has state. */
const args = [
  ...'--train-images 200 --test-images 50 --labels 40 --epochs 4 --teacher-epochs 1 --val 0.2 --ema 0.9'.split(
    ' ',
  ),
  ...'--augment crop:2 --losses fsp,crd --fsp.initEpochs 2 --checkpoint-every 1 --device cpu --threads 1'.split(
    ' ',
  ),
]

/** Runs `kdgrad distill`; killed after `lifetime` milliseconds, if it lives so long. Whether it came to its end. */
function ran(flags: readonly string[], lifetime = 1e9): Promise<boolean> {
  const main = join(root, 'src/cli/main.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'distill', ...flags], { cwd: root })
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints += text
  })
  child.stdout.resume()
  const timer = setTimeout(() => child.kill('SIGKILL'), lifetime)
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0 || signal === 'SIGKILL') resolve(code === 0)
      else reject(new Error(complaints))
    })
  })
}

const filesIn = (folder: string) => [
  'metrics.jsonl',
  'summary.json',
  ...readdirSync(join(folder, 'weights'))
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => join('weights', name)),
]

test(`killed ${KILLS} times, it ends as if it had never stopped`, { timeout: 600_000 }, async () => {
  const [whole, killed] = [join(scratch, 'whole'), join(scratch, 'killed')]
  const began = performance.now()
  expect(await ran([...args, '--out', whole])).toBe(true)
  const length = performance.now() - began
  for (let kills = 0; kills < KILLS; ) {
    rmSync(killed, { recursive: true, force: true })
    for (let ended = false; !ended; ) {
      const flags = existsSync(join(killed, 'config.json'))
        ? ['--resume', killed]
        : [...args, '--out', killed]
      ended = await ran(flags, kills < KILLS ? (0.2 + 0.7 * Math.random()) * length : undefined)
      if (!ended) kills++
    }
    same(killed, whole)
  }
})

function same(killed: string, whole: string): void {
  for (const name of filesIn(whole))
    expect(readFileSync(join(killed, name)).equals(readFileSync(join(whole, name))), name).toBe(true)
}
