import '../ops/methods.ts'
import { exitCodeOf } from './exit-code.ts'
import { programOf } from './program.ts'

/** Runs the command line and gives its exit code. */
export const run = (argv: readonly string[]): Promise<number> =>
  exitCodeOf(async () => (await programOf(argv)).parseAsync([...argv], { from: 'user' }))
