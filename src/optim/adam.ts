import type { Tensor } from '../tensor.ts'
import { MomentOptimizer } from './moments.ts'

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
export class Adam extends MomentOptimizer {
  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false } = options
    super('Adam', parameters, { lr, betas, eps, weightDecay, amsgrad })
  }

  protected override decay() {
    return { penalty: this.weightDecay, kept: 1 }
  }
}
