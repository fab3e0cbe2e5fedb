import { ValueError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import type { AnyBatch } from './batch.ts'
import type { Prepared } from './define.ts'

/** One summand of a training loss. */
export interface Term {
  readonly loss: Prepared
  /** Or what it is now, asked at every batch. */
  readonly weight: number | (() => number)
  /** Epochs over which the weight grows: linear, a first share in epoch 1, all of it from epoch `warmup` on. Default 0. */
  readonly warmup?: number
}

/** A training loss and what it is made of. */
export interface Combined {
  /** The sum of the weighted terms: a scalar. */
  readonly total: Tensor
  /** Each term by its loss's id: its value before the weight, and the weight it has now. */
  readonly terms: Readonly<Record<string, { readonly value: Tensor; readonly weight: number }>>
}

/**
 * The weighted sum of several losses, as `ce + 0.9 * kldiv + 0.8 * crd` says it. Warm-up counts the epochs of
 * `batch.progress`.
 *
 * @throws ValueError where there is no term, a loss is not prepared or comes twice, a weight is not finite, or a batch
 * lacks the progress that a warm-up counts.
 */
export function combine(terms: readonly Term[]): (batch: AnyBatch) => Combined {
  if (terms.length === 0) throw new ValueError('combine: there must be a term, got none. Name a loss.')
  terms.forEach(({ loss, weight, warmup = 0 }, i) => {
    if (!('loss' in loss))
      throw new ValueError(
        `combine: a term is a loss that is prepared, got ${(loss as { readonly id?: string }).id ?? typeof loss}. Give what its prepare(batch) returns.`,
      )
    const { id } = loss.loss
    if (terms.findIndex((other) => other.loss.loss.id === id) !== i)
      throw new ValueError(`combine: ${id} comes twice, got it as terms of one sum. Add up its weights.`)
    if ((typeof weight === 'number' && !Number.isFinite(weight)) || !(warmup >= 0 && Number.isFinite(warmup)))
      throw new ValueError(
        `combine: weight and warm-up of ${id} must be finite, the warm-up at least 0, got ${String(weight)} and ${warmup}. Change them.`,
      )
  })
  return (batch) => {
    const parts = terms.map((term) => ({
      id: term.loss.loss.id,
      value: term.loss(batch),
      weight: weightAt(term, batch.progress?.epoch),
    }))
    return {
      total: parts.map(({ value, weight }) => value.mul(weight)).reduce((sum, part) => sum.add(part)),
      terms: Object.fromEntries(parts.map(({ id, value, weight }) => [id, { value, weight }])),
    }
  }
}

function weightAt({ loss, weight: given, warmup = 0 }: Term, epoch: number | undefined): number {
  const { id } = loss.loss
  const weight = typeof given === 'function' ? given() : given
  if (!Number.isFinite(weight))
    throw new ValueError(`combine: the weight of ${id} must be finite, got ${weight}. Change it.`)
  if (warmup === 0) return weight
  if (epoch === undefined)
    throw new ValueError(
      `combine: the warm-up of ${id} counts epochs, got a batch without progress. Give progress: { epoch, epochs, step } in the batch.`,
    )
  return weight * Math.min(epoch / warmup, 1)
}
