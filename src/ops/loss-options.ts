import { ShapeError, showAll } from '../errors.ts'
import type { Sampler } from '../graph/define.ts'
import { sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** How a loss per element or per sample becomes the result. */
export type Reduction = 'none' | 'mean' | 'sum'

/** What every loss takes beside its own settings. */
export interface LossOptions {
  /** 'mean' (default) divides the sum by the number of losses; 'none' leaves them as they are. */
  readonly reduction?: Reduction
}

export const reduceBy = (loss: Tensor, reduction: Reduction): Tensor =>
  reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.mean()

/** Throws unless two tensors, called by their names, have one shape. Losses never broadcast: it hides a wrong shape. */
export function checkSameShape(who: string, pair: Readonly<Record<string, Tensor>>, advice: string): void {
  const [a, b] = Object.values(pair) as [Tensor, Tensor]
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(
      `${who}: ${Object.keys(pair).join(' and ')} differ in shape, got ${showAll([a.shape, b.shape])}. ${advice}.`,
    )
}

/** A pair of inputs drawn apart from each other, and the settings of a loss over them. */
export const drawnPair =
  (
    a: { low: number; high: number },
    b: { low: number; high: number },
    settings: readonly object[],
  ): Sampler =>
  (draw) => {
    const shape = draw.shape(0, 3)
    return {
      inputs: [
        { shape, ...a },
        { shape, ...b },
      ],
      params: { ...draw.pick(settings), reduction: draw.pick(['mean', 'sum', 'none']) },
    }
  }
