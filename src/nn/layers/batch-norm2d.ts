import { ShapeError, show } from '../../errors.ts'
import { attachUpdates } from '../../graph/updates.ts'
import { batchNorm } from '../../ops/normalise.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts, constant } from '../init.ts'
import { Module } from '../module.ts'

export interface BatchNorm2dOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
  /** How far a step moves the running statistics. Default 0.1. */
  readonly momentum?: number
}

/**
 * Batch normalisation per channel, as `torch.nn.BatchNorm2d`. In training mode the running statistics move when an
 * optimiser steps on a loss that used the output, not when `forward` builds it: a graph that nobody steps on changes
 * nothing.
 *
 * @throws ValueError where the number of channels is not a positive whole number.
 */
export class BatchNorm2d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor
  readonly runningMean: Tensor
  readonly runningVar: Tensor
  readonly #eps: number
  readonly #momentum: number

  constructor(channels: number, { eps = 1e-5, momentum = 0.1 }: BatchNorm2dOptions = {}) {
    super()
    checkCounts('BatchNorm2d', { channels })
    this.weight = this.parameter('weight', constant([channels], 1))
    this.bias = this.parameter('bias', constant([channels], 0))
    this.runningMean = this.buffer('running_mean', constant([channels], 0))
    this.runningVar = this.buffer('running_var', constant([channels], 1))
    this.#eps = eps
    this.#momentum = momentum
  }

  /** [N, C, H, W] to the same shape. */
  forward(x: Tensor): Tensor {
    if (x.rank !== 4)
      throw new ShapeError(
        `BatchNorm2d: wrong number of dims, got ${show(x.shape)}. Expected [N, C, H, W]; add dims with reshape.`,
      )
    const { weight, bias, training } = this
    const { y, runningMean, runningVar } = batchNorm(x, {
      weight,
      bias,
      runningMean: this.runningMean,
      runningVar: this.runningVar,
      training,
      momentum: this.#momentum,
      eps: this.#eps,
    })
    if (training)
      attachUpdates(y, [
        { target: this.runningMean, next: runningMean },
        { target: this.runningVar, next: runningVar },
      ])
    return y
  }
}
