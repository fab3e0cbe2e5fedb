#!/usr/bin/env node
import { CommanderError } from 'commander'
import { KdgradError } from '../errors.ts'
import '../ops/methods.ts'
import { programOf } from './program.ts'

/** Bad input: one sentence, no stack, exit code 2. Anything else is our fault and shows its stack. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const program = await programOf(argv)
    await program.parseAsync([...argv], { from: 'user' })
    return process.exitCode === undefined ? 0 : Number(process.exitCode)
  } catch (error) {
    // Commander has printed its own message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof KdgradError) {
      console.error(error.message)
      return 2
    }
    throw error
  }
}

process.exitCode = await main(process.argv.slice(2))
