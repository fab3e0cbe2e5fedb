import { CommanderError } from 'commander'
import { KdgradError } from '../errors.ts'

/**
 * Runs a command and gives its exit code. Bad input: one sentence, no stack, 2. Anything else that goes wrong is our
 * fault and is thrown.
 */
export async function exitCodeOf(command: () => Promise<unknown>): Promise<number> {
  process.exitCode = undefined
  try {
    await command()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    // Commander has printed its own message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!(error instanceof KdgradError)) throw error
    console.error(error.message)
    return 2
  }
}
