import { BatchNorm2d } from '../../nn/layers/batch-norm2d.ts'
import { ConvTranspose2d } from '../../nn/layers/conv-transpose2d.ts'
import { Conv2d } from '../../nn/layers/conv2d.ts'
import { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'

/** A convolution that keeps height and width, and what follows it. */
export interface ConvPlan {
  /** What comes out. */
  readonly channels: number
  readonly kernel: 1 | 3
  /** Default true. */
  readonly bias?: boolean
  /** Transposed convolution. Default false. */
  readonly transposed?: boolean
  /** Batch normalisation after the convolution. Default false. */
  readonly norm?: boolean
  /** Comes last. Default: nothing. */
  readonly activation?: (x: Tensor) => Tensor
}

/** Convolutions one after the other, named `conv1`, `bn1`, `conv2`, ...: [N, C, H, W] to the channels of the last one. */
export class ConvStack extends Module {
  readonly #layers: readonly ((x: Tensor) => Tensor)[]

  constructor(inChannels: number, plans: readonly ConvPlan[], random: Random) {
    super()
    this.#layers = plans.map(({ channels, kernel, bias = true, transposed, norm, activation }, i) => {
      const from = plans[i - 1]?.channels ?? inChannels
      const name = `conv${i + 1}`
      const options = { random: random.fork(name), bias, padding: (kernel - 1) / 2 }
      const Convolution = transposed ? ConvTranspose2d : Conv2d
      const conv = this.child(name, new Convolution(from, channels, kernel, options))
      const bn = norm ? this.child(`bn${i + 1}`, new BatchNorm2d(channels)) : undefined
      return (x) => {
        const y = conv.forward(x)
        const normal = bn ? bn.forward(y) : y
        return activation ? activation(normal) : normal
      }
    })
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce((y, layer) => layer(y), x)
  }
}
