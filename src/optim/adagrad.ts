import type { Assignment } from '../graph/updates.ts'
import type { Tensor } from '../tensor.ts'
import { averagedSquare, descended, rootScaled, shared } from './formulas.ts'
import { Optimizer } from './optimizer.ts'
import { checkSetting } from './settings.ts'

export interface AdagradOptions {
  /** Default 0.01. */
  readonly lr?: number
  /** How fast lr falls with the steps taken. Default 0. */
  readonly lrDecay?: number
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number
  /** What the sum of squares starts from. Default 0. */
  readonly initialAccumulatorValue?: number
  /** Added to the root of the sum. Default 1e-10. */
  readonly eps?: number
}

const SUM = 'sum'

/**
 * Adagrad, as `torch.optim.Adagrad`. With g the gradient plus weightDecay * p, in step k = 1, 2, ...:
 *
 *     s = s + g^2
 *     p = p - lr / (1 + (k - 1) * lrDecay) * g / (sqrt(s) + eps)
 *
 * Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12,
 * 2011, with diagonal matrices.
 *
 * @throws ValueError where a setting is out of range.
 */
export class Adagrad extends Optimizer {
  readonly #settings: Required<Pick<AdagradOptions, 'lrDecay' | 'weightDecay' | 'eps'>>

  constructor(parameters: readonly Tensor[], options: AdagradOptions = {}) {
    const { lr = 0.01, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options
    for (const [name, value] of Object.entries({ lrDecay, weightDecay, initialAccumulatorValue, eps }))
      checkSetting('Adagrad', name, value, 'at least 0')
    super('Adagrad', parameters, { lr, momentum: null, slots: [SUM], start: initialAccumulatorValue })
    this.#settings = { lrDecay, weightDecay, eps }
  }

  protected override update(gradients: readonly Tensor[]): Assignment[] {
    const { lrDecay, weightDecay, eps } = this.#settings
    const n = shared({ weightDecay, eps, rate: this.lr / (1 + this.steps * lrDecay), none: 0, one: 1 })
    return this.parameters.flatMap((p, i): Assignment[] => {
      const g = gradients[i]!
      const sum = averagedSquare(this.slot(SUM, i), g, p, n.weightDecay, n.one, n.one)
      return [
        [this.slot(SUM, i), sum],
        [p, descended(p, rootScaled(g, p, sum, n.none, n.weightDecay, n.eps), n.rate)],
      ]
    })
  }
}
