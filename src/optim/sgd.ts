import { ValueError } from '../errors.ts'
import type { Assignment } from '../graph/updates.ts'
import { fused } from '../ops/fused.ts'
import type { Tensor } from '../tensor.ts'
import { averaged, shared } from './formulas.ts'
import { Optimizer } from './optimizer.ts'
import { checkSetting } from './settings.ts'

export interface SGDOptions {
  readonly lr: number
  /** Share of the last step's velocity that is kept. Default 0. */
  readonly momentum?: number
  /** Share of the gradient that is kept out of the velocity. Default 0. */
  readonly dampening?: number
  /** Nesterov's momentum: looks ahead along the velocity. Default false. */
  readonly nesterov?: boolean
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number
}

const VELOCITY = 'momentum_buffer'

const sgdStep = fused(
  'sgdStep',
  ['p', 'g', 'velocity', 'lr', 'weightDecay', 'gShare', 'velocityShare'],
  'a - d * ((b + a * e) * f + c * g)',
  null,
)

/**
 * Stochastic gradient descent, as `torch.optim.SGD`. With g the gradient plus weightDecay * p:
 *
 *     v = momentum * v + (1 - dampening) * g      (v = g in the first step)
 *     p = p - lr * v                              (nesterov: p - lr * (g + momentum * v))
 *
 * Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 *
 * @throws ValueError where a setting is out of range, or nesterov comes without momentum or with dampening.
 */
export class SGD extends Optimizer {
  readonly #settings: Required<Omit<SGDOptions, 'lr' | 'momentum'>>

  constructor(parameters: readonly Tensor[], options: SGDOptions) {
    const { lr, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options
    checkSetting('SGD', 'weightDecay', weightDecay, 'at least 0')
    if (!Number.isFinite(dampening))
      throw new ValueError(`SGD: dampening must be a finite number, got ${dampening}. Choose another.`)
    if (nesterov && (momentum === 0 || dampening !== 0))
      throw new ValueError(
        `SGD: nesterov needs momentum and no dampening, got momentum ${momentum} and dampening ${dampening}. Change them, or drop nesterov.`,
      )
    super(
      'SGD',
      parameters,
      momentum === 0 ? { lr, momentum: null, slots: [] } : { lr, momentum, slots: [VELOCITY] },
    )
    this.#settings = { dampening, nesterov, weightDecay }
  }

  protected override update(gradients: readonly Tensor[]): Assignment[] {
    const { dampening, nesterov } = this.#settings
    const { lr, weightDecay, momentum, share, gShare, velocityShare, none } = shared({
      lr: this.lr,
      weightDecay: this.#settings.weightDecay,
      momentum: this.momentum,
      share: this.steps === 0 ? 1 : 1 - dampening,
      gShare: nesterov || !this.remembers(VELOCITY) ? 1 : 0,
      velocityShare: nesterov ? this.momentum : 1,
      none: 0,
    })
    return this.parameters.flatMap((p, i): Assignment[] => {
      const g = gradients[i]!
      if (!this.remembers(VELOCITY)) return [[p, sgdStep(p, g, none, lr, weightDecay, gShare, none)]]
      const velocity = this.slot(VELOCITY, i)
      const moved = averaged(velocity, g, p, weightDecay, momentum, share)
      return [
        [velocity, moved],
        [p, sgdStep(p, g, moved, lr, weightDecay, gShare, velocityShare)],
      ]
    })
  }
}
