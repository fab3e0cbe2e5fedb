import { ValueError } from '../errors.ts'
import { Module } from '../nn/module.ts'
import { where } from '../ops/elementwise.ts'
import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import type { AnyBatch, Need, Side } from './batch.ts'
import { defineLoss, type Loss, type Mix, type Prepared } from './define.ts'
import type { Parameter, Settings } from './parameters.ts'
import { deviations } from './parts/deviation.ts'

export interface StandardisedOptions<P extends Settings> {
  readonly id: string
  readonly title?: string
  readonly paper?: string
  readonly formula?: string
  readonly variant?: string
  /** Parameters whose default is another than that of the loss inside. */
  readonly defaults?: { readonly [K in keyof P]?: Parameter<P[K]> }
  /** Default: that of the loss inside. */
  readonly mix?: Mix
}

/**
 * A loss on logits, with its own parameters and adapters, that sees every row of logits standardised: of mean 0 and
 * standard deviation 1. Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge Distillation, CVPR 2024,
 * arXiv:2403.01427.
 *
 *     z' = (z - mean(z)) / (std(z) + 1e-7)   over the classes of each sample, std with division by C - 1
 *
 * This holds for the logits of all sides of the batch: student, teacher, second view and peers. A cross-entropy within
 * the loss sees standardised logits too.
 *
 * @throws ValueError where the loss compares features or maps, or is more than a formula.
 */
export function standardised<P extends Settings, N extends Need>(
  loss: Loss<P, N>,
  { id, defaults, mix = loss.mix, ...about }: StandardisedOptions<P>,
): Loss<P, N> {
  const other = loss.layers ?? ON_MAPS.find((need) => loss.needs.includes(need))
  if (other)
    throw new ValueError(
      `standardised: it is for losses on logits, got ${loss.id}, which compares features (${other}). Choose another loss.`,
    )
  if (loss.has.includes('preliminary') || loss.has.includes('predict'))
    throw new ValueError(
      `standardised: it is for losses that are trained in one stage and leave the prediction to the student, got ${loss.id}. Choose another loss.`,
    )
  const inner = loss as unknown as Loss<Settings, never>
  const prepared = (first: AnyBatch, params: Settings, random: Random) => ({
    inner: new Inner(inner.prepare(standardisedBatch(first), params, { seed: random.integer(2 ** 31) })),
  })
  const made = defineLoss(
    id,
    {
      ...about,
      defaults: { ...loss.parameters, ...defaults } as Record<string, Parameter>,
      needs: loss.needs,
      strongView: loss.strongView,
      mix,
      ...(loss.owns && { adapters: prepared }),
    },
    (batch: AnyBatch, params, own): Tensor => {
      const seen = standardisedBatch(batch)
      const { inner: ready } = own.adapters as { readonly inner?: Inner }
      return ready ? ready.loss(seen) : inner(seen, params)
    },
  )
  return made as unknown as Loss<P, N>
}

const ON_MAPS: readonly Need[] = ['classMaps', 'teacherClassifier']

/** The loss inside, where it has adapters or state, as an adapter of the one around it. */
class Inner extends Module {
  readonly loss: Prepared

  constructor(loss: Prepared) {
    super()
    this.child('own', loss.own)
    this.loss = loss
  }
}

/** The batch with the logits of all its sides standardised. */
function standardisedBatch(batch: AnyBatch): AnyBatch {
  const { student, teacher, view, partner, peer, formerSelf } = batch
  const of = (side: Side): Side => ({ ...side, logits: standardise(side.logits) })
  return {
    ...batch,
    student: of(student),
    ...(teacher && { teacher: of(teacher) }),
    ...(view && {
      view: { student: of(view.student), ...(view.teacher && { teacher: of(view.teacher) }) },
    }),
    ...(partner && { partner: of(partner) }),
    ...(peer && { peer: of(peer) }),
    ...(formerSelf && { formerSelf: of(formerSelf) }),
  }
}

/**
 * Rows [N, C] of mean 0 and standard deviation 1, up to the 1e-7 beside the deviation, or of less where the logits
 * deviate by less than 1e-3. A row that does not vary is 0 and gets no gradient: dividing by 1e-7 would make its gradient 1e7 times as large.
 */
export function standardise(logits: Tensor): Tensor {
  const [, classes] = logits.shape as [number, number]
  const deviation = deviations(logits, 1)
  const variance = deviation
    .square()
    .sum(1, true)
    .div(Math.max(classes - 1, 1))
  const largest = logits.detach().abs().amax(1, true).clamp(1)
  const varies = variance.gt(largest.mul(SAME_LOGIT).square())
  return where(varies, deviation, 0).div(where(varies, variance, 1).sqrt().add(1e-7).maximum(LEAST_DEVIATION))
}

/** Rows that deviate by less stay flatter: dividing by their own deviation would make their gradient 1 / deviation. */
const LEAST_DEVIATION = 1e-3

/** Logits that deviate by less, of the largest one or of 1, are taken as equal: float32 may have rounded them apart. */
const SAME_LOGIT = 1e-6
