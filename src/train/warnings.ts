import type { RunRecord } from './experiment.ts'
import type { EpochMetrics } from './fit.ts'

/** What looks wrong with a finished run, a sentence each. */
export function warningsOf(
  { row, seed, accuracy, history, stages }: RunRecord,
  { classes, testImages }: { readonly classes: number; readonly testImages: number },
): string[] {
  const run = `${row} (seed ${seed})`
  const chance = 1 / classes
  // Two standard errors of guessing.
  const margin = 2 * Math.sqrt((chance * (1 - chance)) / testImages)
  return [
    ...(accuracy <= chance + margin
      ? [
          `${run} answers no better than by chance, got ${(100 * accuracy).toFixed(2)} % with ${classes} classes. Lower the learning rate or the weight of its loss, warm it up, or use Adam: SGD with published weights collapses.`,
        ]
      : []),
    ...stages.flatMap(({ stage, history }) => notFallen(`the preliminary stage ${stage} of ${run}`, history)),
    ...notFallen(run, history),
  ]
}

/** A sentence where a loss ended no lower than in its first epoch, or than before its first step. */
function notFallen(what: string, history: readonly EpochMetrics[]): string[] {
  const [first, last] = [history[0], history.at(-1)]
  if (!first || !last || history.length < 3 || !sameWeights(first, last)) return []
  const got = (loss: number, when: string) => [
    `the loss of ${what} did not fall, got ${loss.toPrecision(4)} ${when} and ${last.loss.toPrecision(4)} in its last epoch. Lower the learning rate, or train longer.`,
  ]
  if (last.loss >= first.loss) return got(first.loss, 'in its first epoch')
  // A run that blows up in its first epoch and then falls from there has learnt nothing yet.
  if (first.firstLoss !== undefined && last.loss >= first.firstLoss)
    return got(first.firstLoss, 'before its first step')
  return []
}

/** Whether two epochs' losses are of the same weights: one that warms up makes them grow. */
const sameWeights = (a: EpochMetrics, b: EpochMetrics): boolean =>
  Object.entries(a.terms ?? {}).every(([id, { weight }]) => b.terms?.[id]?.weight === weight)
