import { spawnSync } from 'node:child_process'
import type { Command } from 'commander'
import { exitCodeOf } from '../src/cli/exit-code.ts'
import { inOneSentence } from '../src/cli/one-sentence.ts'

/** Runs a command in a node that can be told to collect its garbage, and ends the process with its exit code. */
export async function runWithCollector(command: Command): Promise<never> {
  const collectable = globalThis.gc !== undefined || process.execArgv.includes('--expose-gc')
  if (!collectable) {
    const args = ['--expose-gc', ...process.execArgv, ...process.argv.slice(1)]
    process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1)
  }
  // gpu.js's workers would keep the process alive.
  process.exit(await exitCodeOf(() => inOneSentence(command).parseAsync()))
}
