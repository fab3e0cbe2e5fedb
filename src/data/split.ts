import { ValueError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Dataset, membersOf, subset } from './dataset.ts'

/**
 * Training images held back to choose settings by, which the test set must not be used for: `fraction` of each class,
 * drawn from `random`, both parts in the order of `dataset`. Throws ValueError as `stratify` does.
 */
export function splitValidation(
  dataset: Dataset,
  fraction: number,
  random: Random,
): { train: Dataset; validation: Dataset } {
  const { kept, held } = stratify(dataset, fraction, random)
  const validation = subset(dataset, held)
  return { train: subset(dataset, kept), validation: { ...validation, name: `${dataset.name} validation` } }
}

/**
 * Indices in two parts, `fraction` of each class in `held`: rounded, but at least one and never all; a class of a single
 * sample is kept. Throws ValueError unless 0 < fraction < 1, or if no class has two samples.
 */
export function stratify(
  labelled: Pick<Dataset, 'classes' | 'labels'>,
  fraction: number,
  random: Random,
): { kept: number[]; held: number[] } {
  if (!(fraction > 0 && fraction < 1))
    throw new ValueError(
      `stratify: the share to hold out lies between 0 and 1, got ${fraction}. Use 0.1, say.`,
    )
  const held = membersOf(labelled)
    .flatMap((members) => {
      const wanted = Math.min(Math.max(Math.round(fraction * members.length), 1), members.length - 1)
      return [...random.permutation(members.length).subarray(0, Math.max(wanted, 0))].map((i) => members[i]!)
    })
    .sort((a, b) => a - b)
  if (held.length === 0)
    throw new ValueError(
      `stratify: a class must have two samples to be held out from, got ${labelled.labels.length} samples in ${labelled.classes} classes. Add samples.`,
    )
  const away = new Set(held)
  const kept = Array.from(labelled.labels.keys()).filter((i) => !away.has(i))
  return { kept, held }
}
