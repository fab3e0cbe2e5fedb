import { Command } from 'commander'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { inOneSentence } from '../../src/cli/one-sentence.ts'
import { oneOf } from '../../src/cli/suggest.ts'

/**
 * The flags of a command of this folder, which `declare` gives it. What it does not know or take ends the process with a
 * sentence and exit code 2; so does --help, with 0.
 */
export async function flagsOf<Flags>(name: string, declare: (command: Command) => Command): Promise<Flags> {
  let flags: Flags | undefined
  const command = inOneSentence(declare(new Command(name))).action((given: Flags) => {
    flags = given
  })
  const code = await exitCodeOf(() => command.parseAsync())
  return flags ?? process.exit(code)
}

/** Parses a comma-separated list of some of `known`. */
export const listOf =
  (what: string, known: readonly string[]) =>
  (text: string): readonly string[] =>
    text.split(',').map((name) => oneOf(what, name, known))
