import type { RunRecord } from './experiment.ts'
import type { EpochMetrics } from './fit.ts'

/** What looks wrong with a finished run, a sentence each. */
export function warningsOf(
  { row, seed, accuracy, history }: RunRecord,
  { classes, testImages }: { readonly classes: number; readonly testImages: number },
): string[] {
  const run = `${row} (seed ${seed})`
  const chance = 1 / classes
  // Two standard errors of guessing.
  const margin = 2 * Math.sqrt((chance * (1 - chance)) / testImages)
  const [first, last] = [history[0]?.loss ?? Infinity, history.at(-1)?.loss ?? 0]
  return [
    ...(accuracy <= chance + margin
      ? [
          `${run} answers no better than by chance, got ${(100 * accuracy).toFixed(2)} % with ${classes} classes. Lower the learning rate or the weight of its loss, warm it up, or use Adam: SGD with published weights collapses.`,
        ]
      : []),
    ...(history.length >= 3 && last >= first && sameWeights(history[0]!, history.at(-1)!)
      ? [
          `the loss of ${run} did not fall, got ${first.toPrecision(4)} in its first epoch and ${last.toPrecision(4)} in its last. Lower the learning rate, or train longer.`,
        ]
      : []),
  ]
}

/** Whether two epochs' losses are of the same weights: one that warms up makes them grow. */
const sameWeights = (a: EpochMetrics, b: EpochMetrics): boolean =>
  Object.entries(a.terms ?? {}).every(([id, { weight }]) => b.terms?.[id]?.weight === weight)
