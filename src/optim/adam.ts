import type { Assignment } from '../graph/updates.ts'
import { fused } from '../ops/fused.ts'
import type { Tensor } from '../tensor.ts'
import { Optimizer } from './optimizer.ts'
import { checkSetting } from './settings.ts'

export interface AdamOptions {
  /** Default 1e-3. */
  readonly lr?: number
  /** Decay of the first and of the second moment. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Added to the root of the second moment. Default 1e-8. */
  readonly eps?: number
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number
  /** Divides by the largest second moment so far (Reddi et al., ICLR 2018). Default false. */
  readonly amsgrad?: boolean
}

const FIRST = 'exp_avg'
const SECOND = 'exp_avg_sq'
const LARGEST = 'max_exp_avg_sq'

const adamFirst = fused(
  'adamFirst',
  ['first', 'g', 'p', 'weightDecay', 'beta', 'share'],
  'a * e + (b + c * d) * f',
  null,
)
const adamSecond = fused(
  'adamSecond',
  ['second', 'g', 'p', 'weightDecay', 'beta', 'share'],
  'a * e + (b + c * d) * (b + c * d) * f',
  null,
)
const adamStep = fused(
  'adamStep',
  ['p', 'first', 'second', 'rate', 'secondScale', 'eps'],
  'a - d * b / (Math.sqrt(c) * e + f)',
  null,
  { low: 0.3, high: 2 },
)

/**
 * Adam, as `torch.optim.Adam`. With g the gradient plus weightDecay * p, in step k = 1, 2, ...:
 *
 *     m = beta1 * m + (1 - beta1) * g
 *     v = beta2 * v + (1 - beta2) * g^2
 *     p = p - lr / (1 - beta1^k) * m / (sqrt(v / (1 - beta2^k)) + eps)
 *
 * Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv:1412.6980, algorithm 1.
 *
 * @throws ValueError where a setting is out of range.
 */
export class Adam extends Optimizer {
  readonly #settings: Required<Omit<AdamOptions, 'lr'>>

  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false } = options
    betas.forEach((beta, i) => {
      checkSetting('Adam', `betas[${i}]`, beta, 'at least 0 and below 1')
    })
    checkSetting('Adam', 'eps', eps, 'at least 0')
    checkSetting('Adam', 'weightDecay', weightDecay, 'at least 0')
    super('Adam', parameters, lr, [FIRST, SECOND, ...(amsgrad ? [LARGEST] : [])])
    this.#settings = { betas, eps, weightDecay, amsgrad }
  }

  protected override update(gradients: readonly Tensor[]): Assignment[] {
    const { betas, eps, weightDecay, amsgrad } = this.#settings
    const [beta1, beta2] = betas
    const k = this.steps + 1
    const rate = this.lr / (1 - beta1 ** k)
    const secondScale = 1 / Math.sqrt(1 - beta2 ** k)
    return this.parameters.flatMap((p, i): Assignment[] => {
      const g = gradients[i]!
      const first = adamFirst(this.slot(FIRST, i), g, p, weightDecay, beta1, 1 - beta1)
      const second = adamSecond(this.slot(SECOND, i), g, p, weightDecay, beta2, 1 - beta2)
      const largest = amsgrad ? this.slot(LARGEST, i).maximum(second) : second
      return [
        [this.slot(FIRST, i), first],
        [this.slot(SECOND, i), second],
        ...(amsgrad ? [[this.slot(LARGEST, i), largest] as const] : []),
        [p, adamStep(p, first, largest, rate, secondScale, eps)],
      ]
    })
  }
}
