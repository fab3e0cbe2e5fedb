import type { Assignment } from '../graph/updates.ts'
import type { Tensor } from '../tensor.ts'
import { averaged, averagedSquare, descended, rootScaled, shared } from './formulas.ts'
import { Optimizer } from './optimizer.ts'
import { checkSetting } from './settings.ts'

export interface RMSpropOptions {
  /** Default 0.01. */
  readonly lr?: number
  /** Share of the running averages that a step keeps. Default 0.99. */
  readonly alpha?: number
  /** Added to the root. Default 1e-8. */
  readonly eps?: number
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number
  /** Share of the last step's direction that is kept. Default 0. */
  readonly momentum?: number
  /** Divides by the deviation of the gradient instead of its size. Default false. */
  readonly centered?: boolean
}

const SQUARE = 'square_avg'
const MEAN = 'grad_avg'
const DIRECTION = 'momentum_buffer'

/**
 * RMSprop, as `torch.optim.RMSprop`. With g the gradient plus weightDecay * p:
 *
 *     v = alpha * v + (1 - alpha) * g^2
 *     m = alpha * m + (1 - alpha) * g                          (centered only; m = 0 otherwise)
 *     d = momentum * d + g / (sqrt(v - m^2) + eps)
 *     p = p - lr * d
 *
 * Where v - m^2 rounds below 0 it counts as 0; PyTorch's step is NaN there.
 *
 * Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012; centred: Graves, "Generating
 * sequences with recurrent neural networks", 2013, arXiv:1308.0850, eq. 38-45.
 *
 * @throws ValueError where a setting is out of range.
 */
export class RMSprop extends Optimizer {
  readonly #settings: Required<Pick<RMSpropOptions, 'alpha' | 'eps' | 'weightDecay'>>

  constructor(parameters: readonly Tensor[], options: RMSpropOptions = {}) {
    const { lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false } = options
    checkSetting('RMSprop', 'alpha', alpha, 'at least 0 and below 1')
    checkSetting('RMSprop', 'eps', eps, 'at least 0')
    checkSetting('RMSprop', 'weightDecay', weightDecay, 'at least 0')
    super('RMSprop', parameters, {
      lr,
      momentum: momentum === 0 ? null : momentum,
      slots: [SQUARE, ...(centered ? [MEAN] : []), ...(momentum === 0 ? [] : [DIRECTION])],
    })
    this.#settings = { alpha, eps, weightDecay }
  }

  protected override update(gradients: readonly Tensor[]): Assignment[] {
    const { alpha } = this.#settings
    const n = shared({
      ...this.#settings,
      share: 1 - alpha,
      lr: this.lr,
      momentum: this.momentum,
      none: 0,
      one: 1,
    })
    return this.parameters.flatMap((p, i) => {
      const g = gradients[i]!
      const moved: Assignment[] = []
      const move = (slot: string, value: Tensor) => {
        moved.push([this.slot(slot, i), value])
        return value
      }
      const square = move(SQUARE, averagedSquare(this.slot(SQUARE, i), g, p, n.weightDecay, n.alpha, n.share))
      const mean = this.remembers(MEAN)
        ? move(MEAN, averaged(this.slot(MEAN, i), g, p, n.weightDecay, n.alpha, n.share))
        : n.none
      const step = rootScaled(g, p, square, mean, n.weightDecay, n.eps)
      const direction = this.remembers(DIRECTION)
        ? move(DIRECTION, averaged(this.slot(DIRECTION, i), step, n.none, n.none, n.momentum, n.one))
        : step
      return [...moved, [p, descended(p, direction, n.lr)]]
    })
  }
}
