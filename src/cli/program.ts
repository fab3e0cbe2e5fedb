import { Command } from 'commander'
import { dataCommand } from './data-fetch.ts'
import { devicesCommand } from './devices.ts'
import { distillCommand } from './distill.ts'
import { lossesCommand } from './losses.ts'
import { modelsCommand } from './models.ts'
import { inOneSentence } from './one-sentence.ts'
import { version } from './version.ts'

/** The whole command line. The losses that `argv` names decide which flags `distill` has. */
export async function programOf(argv: readonly string[]): Promise<Command> {
  const program = new Command('kdgrad')
    .description('Knowledge distillation research in TypeScript')
    .version(version)
    .addCommand(await distillCommand(argv))
    .addCommand(lossesCommand())
    .addCommand(modelsCommand())
    .addCommand(devicesCommand())
    .addCommand(dataCommand())
  for (const command of [program, ...program.commands]) inOneSentence(command)
  return program
}
