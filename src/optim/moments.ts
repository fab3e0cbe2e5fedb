import type { Assignment } from '../graph/updates.ts'
import { fused } from '../ops/fused.ts'
import type { Tensor } from '../tensor.ts'
import { averaged, averagedSquare, shared } from './formulas.ts'
import { Optimizer } from './optimizer.ts'
import { checkSetting } from './settings.ts'

/** What Adam and AdamW are set by. */
export interface MomentOptions {
  readonly lr: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weightDecay: number
  readonly amsgrad: boolean
}

const FIRST = 'exp_avg'
const SECOND = 'exp_avg_sq'
const LARGEST = 'max_exp_avg_sq'

const adamStep = fused(
  'adamStep',
  ['p', 'first', 'second', 'rate', 'secondScale', 'eps', 'kept'],
  'a * g - d * b / (Math.sqrt(c) * e + f)',
  null,
  { low: 0.3, high: 2 },
)

/**
 * Steps along the ratio of a gradient's first moment to the root of its second. With g the gradient plus penalty * p,
 * in step k = 1, 2, ...:
 *
 *     m = beta1 * m + (1 - beta1) * g
 *     v = beta2 * v + (1 - beta2) * g^2           (amsgrad: the largest v so far is used below)
 *     p = kept * p - lr / (1 - beta1^k) * m / (sqrt(v / (1 - beta2^k)) + eps)
 *
 * Adam and AdamW differ in how weight decay becomes `penalty` and `kept`.
 */
export abstract class MomentOptimizer extends Optimizer {
  readonly #settings: Pick<MomentOptions, 'eps' | 'amsgrad'> & { readonly beta2: number }
  protected readonly weightDecay: number

  /** @throws ValueError where a setting is out of range. */
  protected constructor(name: string, parameters: readonly Tensor[], options: MomentOptions) {
    const { lr, betas, eps, weightDecay, amsgrad } = options
    betas.forEach((beta, i) => {
      checkSetting(name, `betas[${i}]`, beta, 'at least 0 and below 1')
    })
    checkSetting(name, 'eps', eps, 'at least 0')
    checkSetting(name, 'weightDecay', weightDecay, 'at least 0')
    super(name, parameters, {
      lr,
      momentum: betas[0],
      slots: [FIRST, SECOND, ...(amsgrad ? [LARGEST] : [])],
    })
    this.#settings = { beta2: betas[1], eps, amsgrad }
    this.weightDecay = weightDecay
  }

  /** What is added to the gradient per p, and the share of p that a step keeps. */
  protected abstract decay(): { readonly penalty: number; readonly kept: number }

  protected override update(gradients: readonly Tensor[]): Assignment[] {
    const { beta2, amsgrad, eps } = this.#settings
    const beta1 = this.momentum
    const k = this.steps + 1
    const n = shared({
      ...this.decay(),
      beta1,
      share1: 1 - beta1,
      beta2,
      share2: 1 - beta2,
      rate: this.lr / (1 - beta1 ** k),
      secondScale: 1 / Math.sqrt(1 - beta2 ** k),
      eps,
    })
    return this.parameters.flatMap((p, i): Assignment[] => {
      const g = gradients[i]!
      const first = averaged(this.slot(FIRST, i), g, p, n.penalty, n.beta1, n.share1)
      const second = averagedSquare(this.slot(SECOND, i), g, p, n.penalty, n.beta2, n.share2)
      const largest = amsgrad ? this.slot(LARGEST, i).maximum(second) : second
      return [
        [this.slot(FIRST, i), first],
        [this.slot(SECOND, i), second],
        ...(amsgrad ? [[this.slot(LARGEST, i), largest] as const] : []),
        [p, adamStep(p, first, largest, n.rate, n.secondScale, n.eps, n.kept)],
      ]
    })
  }
}
