import { ValueError } from '../errors.ts'
import type { Random } from '../random.ts'
import type { Dataset } from './dataset.ts'

/**
 * `dataset` with wrong labels: each is replaced with probability `fraction` by one of the other classes, every one as
 * likely (symmetric noise). Draws from `random`; from one seed, a larger fraction changes the same samples to the same
 * classes and more of them. `changed` lists the samples with a wrong label in order. The images are shared.
 * Throws ValueError unless 0 <= fraction <= 1 and there are two classes.
 */
export function withLabelNoise(
  dataset: Dataset,
  fraction: number,
  random: Random,
): { dataset: Dataset; changed: Int32Array } {
  const { name, labels, classes } = dataset
  if (!(fraction >= 0 && fraction <= 1))
    throw new ValueError(
      `withLabelNoise: a share of labels lies between 0 and 1, got ${fraction}. Use 0.4, say.`,
    )
  if (classes < 2)
    throw new ValueError(
      `withLabelNoise: ${name} has no other class to name, got ${classes} classes. Use a data set of two or more.`,
    )
  const noisy = labels.slice()
  const changed: number[] = []
  for (let i = 0; i < labels.length; i++) {
    const wrong = random.uniform() < fraction
    const other = random.integer(classes - 1)
    if (!wrong) continue
    noisy[i] = other < labels[i]! ? other : other + 1
    changed.push(i)
  }
  return { dataset: { ...dataset, labels: noisy }, changed: Int32Array.from(changed) }
}
