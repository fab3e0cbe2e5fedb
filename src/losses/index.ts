import type { AnyLoss } from './define.ts'
import * as published from './published.ts'

export {
  type AnyBatch,
  type Batch,
  type Classified,
  type Labels,
  type Need,
  needs,
  type Progress,
  type Side,
  type Supplies,
  type TrainingSet,
} from './batch.ts'
export type { Part } from './check-spec.ts'
export { type Combined, combine, type Term } from './combine.ts'
export {
  type AnyLoss,
  defineLoss,
  type Given,
  isLoss,
  type Loss,
  type Mix,
  type Preliminary,
  type Prepared,
  type Spec,
  tapsOf,
} from './define.ts'
export type { Layer, LayerKind } from './layers.ts'
export { type Adapters, Own, type State } from './own.ts'
export {
  choice,
  count,
  flag,
  nonNegative,
  type Parameter,
  positive,
  real,
  type Settings,
  share,
  text,
  type Value,
  whole,
} from './parameters.ts'
export * from './published.ts'
export { type StandardisedOptions, standardised } from './standardise.ts'

/** Every published loss by id. */
export const losses: ReadonlyMap<string, AnyLoss> = new Map(
  Object.values(published).map((loss: AnyLoss) => [loss.id, loss]),
)
