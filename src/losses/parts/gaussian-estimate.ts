import { constant } from '../../nn/init.ts'
import { Module } from '../../nn/module.ts'
import { softplus } from '../../ops/activations.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { ConvStack } from './conv-stack.ts'

export interface GaussianEstimateOptions {
  /** Variance of each channel at the start; above `eps`. */
  readonly variance: number
  /** Smallest variance. */
  readonly eps: number
  readonly random: Random
  /** Channels between the convolutions. Default: those of the teacher. */
  readonly hidden?: number
}

/** What a student's map tells of a teacher's: a normal distribution with a variance per channel. */
export class GaussianEstimate extends Module {
  /** [N, C_s, H, W] to the mean [N, C_t, H, W]. */
  readonly mean: ConvStack
  readonly logScale: Tensor
  readonly #eps: number

  constructor(from: number, to: number, { variance, eps, random, hidden = to }: GaussianEstimateOptions) {
    super()
    const plan = { kernel: 1, bias: false } as const
    const activation = (x: Tensor) => x.relu()
    this.mean = this.child(
      'mean',
      new ConvStack(
        from,
        [
          { ...plan, channels: hidden, activation },
          { ...plan, channels: hidden, activation },
          { ...plan, channels: to },
        ],
        random,
      ),
    )
    // The inverse of softplus, without exp of a large variance.
    const start = variance - eps + Math.log(-Math.expm1(eps - variance))
    this.logScale = this.parameter('log_scale', constant([to], start))
    this.#eps = eps
  }

  /** Mean over all elements of ((mean - x)² / v + log v) / 2, without the constant log(2 pi) / 2. */
  negativeLogLikelihood(student: Tensor, teacher: Tensor): Tensor {
    const variance = softplus(this.logScale).add(this.#eps).reshape([1, -1, 1, 1])
    return this.mean.forward(student).sub(teacher).square().div(variance).add(variance.log()).mean().mul(0.5)
  }
}
