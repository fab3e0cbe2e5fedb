import { type AnyLoss, ce, type Need, type Settings } from '../losses/index.ts'

/** A summand of a student's training loss: a loss with its parameters, weight and warm-up. */
export interface ChosenTerm {
  readonly loss: AnyLoss
  readonly params: Settings
  readonly weight: number
  /** Epochs over which the weight grows linearly. */
  readonly warmup: number
}

/**
 * The terms of a loss by itself, beside its share of cross-entropy: weights and warm-up are the published ones where nothing
 * else is said.
 */
export function termsOf(
  loss: AnyLoss,
  params: Settings,
  epochs: number,
  said: {
    readonly weight?: number | undefined
    readonly ce?: number | undefined
    readonly warmup?: number | undefined
  } = {},
): ChosenTerm[] {
  const { mix } = loss
  const share = loss === ce ? 0 : (said.ce ?? mix.ce)
  const warmup = said.warmup ?? Math.round((mix.warmup ?? 0) * epochs)
  return [
    ...(share === 0 ? [] : [{ loss: ce, params: {}, weight: share, warmup: 0 }]),
    { loss, params, weight: said.weight ?? mix.weight, warmup },
  ]
}

/** How a student is trained: the row it makes in the table, and the sum that it minimises. */
export interface Method {
  readonly id: string
  readonly terms: readonly ChosenTerm[]
}

const OF_A_TEACHER: readonly Need[] = ['teacher', 'teacherClassifier', 'classMaps', 'teacherNorms']

/** Whether some term of the method learns from a teacher. */
export const needsTeacher = ({ terms }: Method): boolean =>
  terms.some(({ loss }) => loss.needs.some((need) => OF_A_TEACHER.includes(need)))
