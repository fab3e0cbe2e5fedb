import { ValueError } from '../../errors.ts'
import { type Conv2dOptions, conv2d } from '../../ops/conv.ts'
import { pair, type Size2d } from '../../ops/window.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts, fanIn, type Init, kaimingUniform, uniform } from '../init.ts'
import { Module } from '../module.ts'

export interface Conv2dLayerOptions extends Conv2dOptions {
  /** Draws the first weights; the layer takes nothing from the stream itself, only from its forks. */
  readonly random: Random
  /** Default true. */
  readonly bias?: boolean
  /** What the weight starts from. Default `kaimingUniform`. */
  readonly weightInit?: Init
  /** What the bias starts from. Default uniform with the bound of `kaimingUniform`. */
  readonly biasInit?: Init
}

/**
 * Convolution with weight [out, in / groups, kH, kW] and bias [out], as `torch.nn.Conv2d` and initialised as there.
 *
 * @throws ValueError where a size is not a positive whole number or the groups do not divide the channels.
 */
export class Conv2d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly #options: Conv2dOptions

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size2d,
    { random, bias = true, weightInit = kaimingUniform, biasInit, ...options }: Conv2dLayerOptions,
  ) {
    super()
    const [height, width] = pair(kernelSize)
    const { groups = 1 } = options
    checkCounts('Conv2d', { inChannels, outChannels, kernelHeight: height, kernelWidth: width, groups })
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ValueError(
        `Conv2d: groups must divide the channels, got ${groups} for ${inChannels} and ${outChannels}. Choose a common divisor.`,
      )
    const shape = [outChannels, inChannels / groups, height, width]
    this.weight = this.parameter('weight', weightInit(random.fork('weight'), shape))
    if (bias) {
      const init = biasInit ?? ((random, size) => uniform(random, size, 1 / Math.sqrt(fanIn(shape))))
      this.bias = this.parameter('bias', init(random.fork('bias'), [outChannels]))
    }
    this.#options = options
  }

  /** [N, in, H, W] to [N, out, H', W']. */
  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, { ...this.#options, bias: this.bias })
  }
}
