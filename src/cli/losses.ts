import { Command } from 'commander'
import { type AnyLoss, losses } from '../losses/index.ts'
import { describeLoss, parameterHead, summaryHead, summaryOf } from './describe-loss.ts'
import { loadLosses } from './load-losses.ts'
import { tableText } from './table.ts'

/** `kdgrad losses`: all published losses in a table; `kdgrad losses dkd`: one of them in full. */
export const lossesCommand = (): Command =>
  new Command('losses')
    .description('list the published losses, or show some of them in full')
    .argument('[list]', 'comma-separated ids, or paths of files with your own')
    .action(async (list: string | undefined) => {
      if (list === undefined) console.log(summary())
      else console.log((await named(list)).map(inFull).join('\n\n'))
    })

const summary = (): string =>
  `${tableText(summaryHead, [...losses.values()].map(summaryOf), 'left', [null, 22, 46, 28, 20])}
'kdgrad losses <id>' shows one in full, 'kdgrad distill --losses <ids>' trains with it.`

/** The losses that a list names; of a sum, its summands. */
async function named(list: string): Promise<AnyLoss[]> {
  const choices = await loadLosses(list)
  return [...new Set(choices.flatMap(({ terms }) => terms.map(({ loss }) => loss)))]
}

function inFull(loss: AnyLoss): string {
  const { id, title, facts, parameters } = describeLoss(loss)
  const width = Math.max(...facts.map(([name]) => name.length))
  const lines = facts.map(([name, text]) => `${name.padEnd(width)}  ${text}`)
  const table =
    parameters.length === 0
      ? 'It has no parameters.'
      : tableText(parameterHead, parameters, 'left', [null, null, 28, 48])
  return [title === id ? id : `${id}: ${title}`, ...lines, table].join('\n')
}
