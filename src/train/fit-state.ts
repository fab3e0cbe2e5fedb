import type { OptimizerState } from '../optim/optimizer.ts'
import type { Tensor } from '../tensor.ts'
import type { EpochMetrics } from './fit.ts'
import type { Held } from './held.ts'
import type { SumsState } from './sums.ts'

/** Where a training run stands: enough to go on as if it had never stopped. */
export interface FitState {
  /** The epoch in progress, from 1, and its steps done. */
  readonly epoch: number
  readonly done: number
  readonly sums: SumsState
  readonly history: readonly EpochMetrics[]
  readonly best: Best | undefined
  /** Judgements since the best one. */
  readonly waited: number
  readonly held: Held
  readonly optimizer: OptimizerState
  readonly average: AverageState | undefined
}

/** The best judgement so far by validation accuracy. */
export interface Best {
  readonly epoch: number
  readonly validationAccuracy: number
  readonly testAccuracy: number
  /** What the modules held then, as in `Held`. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** A moving average and the steps that are in it. */
export interface AverageState {
  readonly steps: number
  /** By the names of `Held`. */
  readonly tensors: ReadonlyMap<string, Tensor>
}
