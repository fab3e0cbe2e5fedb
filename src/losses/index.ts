import type { AnyLoss } from './define.ts'
import * as published from './published.ts'

export {
  type About,
  type AnyLoss,
  type Batch,
  defineLoss,
  isLoss,
  type Labels,
  type Loss,
  type Mix,
  type Need,
  type Settings,
  type Side,
  type Supplies,
} from './define.ts'
export * from './published.ts'

/** Every published loss by id. */
export const losses: ReadonlyMap<string, AnyLoss> = new Map(
  Object.values(published).map((loss: AnyLoss) => [loss.id, loss]),
)
