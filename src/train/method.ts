import type { AnyLoss, Settings } from '../losses/index.ts'

/** A summand of a student's training loss: a loss with its parameters, weight and warm-up. */
export interface ChosenTerm {
  readonly loss: AnyLoss
  readonly params: Settings
  readonly weight: number
  /** Epochs over which the weight grows linearly. */
  readonly warmup: number
}

/** How a student is trained: the row it makes in the table, and the sum that it minimises. */
export interface Method {
  readonly id: string
  readonly terms: readonly ChosenTerm[]
}
