import type { Tensor } from '../tensor.ts'
import type { AdamOptions } from './adam.ts'
import { MomentOptimizer } from './moments.ts'

export interface AdamWOptions extends Omit<AdamOptions, 'weightDecay'> {
  /** Share of a parameter, times lr, that a step takes off it. Default 0.01. */
  readonly weightDecay?: number
}

/**
 * Adam with decoupled weight decay, as `torch.optim.AdamW`: Adam's step on the plain gradient, from
 * (1 - lr * weightDecay) * p instead of p.
 *
 * Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv:1711.05101, algorithm 2, with the
 * decay times lr.
 *
 * @throws ValueError where a setting is out of range.
 */
export class AdamW extends MomentOptimizer {
  constructor(parameters: readonly Tensor[], options: AdamWOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01, amsgrad = false } = options
    super('AdamW', parameters, { lr, betas, eps, weightDecay, amsgrad })
  }

  protected override decay() {
    return { penalty: 0, kept: 1 - this.lr * this.weightDecay }
  }
}
