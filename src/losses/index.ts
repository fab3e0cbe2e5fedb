import type { Loss } from './define.ts'
import * as published from './published.ts'

export {
  type About,
  type Batch,
  defineLoss,
  type Labels,
  type Loss,
  type Need,
  type Settings,
  type Side,
  type Supplies,
} from './define.ts'
export * from './published.ts'

/** Every published loss by id. */
export const losses: ReadonlyMap<string, Loss> = new Map(
  Object.values(published).map((loss: Loss) => [loss.id, loss]),
)
