import { BatchNorm2d } from '../../nn/layers/batch-norm2d.ts'
import { Conv2d } from '../../nn/layers/conv2d.ts'
import { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'

/** Takes a map to other channels: a 1x1 convolution without bias, and batch normalisation. */
export class Projection extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d

  constructor(from: number, to: number, random: Random) {
    super()
    this.conv = this.child('conv', new Conv2d(from, to, 1, { random: random.fork('conv'), bias: false }))
    this.bn = this.child('bn', new BatchNorm2d(to))
  }

  /** [N, from, H, W] to [N, to, H, W]. */
  forward(x: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x))
  }
}
