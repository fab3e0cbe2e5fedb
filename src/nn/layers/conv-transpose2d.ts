import { type ConvTranspose2dOptions, convTranspose2d } from '../../ops/conv-transpose.ts'
import { pair, type Size2d } from '../../ops/window.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts, fanIn, kaimingUniform, uniform } from '../init.ts'
import { Module } from '../module.ts'

export interface ConvTranspose2dLayerOptions extends Omit<ConvTranspose2dOptions, 'groups'> {
  /** Draws the first weights; the layer takes nothing from the stream itself, only from its forks. */
  readonly random: Random
  /** Default true. */
  readonly bias?: boolean
}

/**
 * Transposed convolution with weight [in, out, kH, kW] and bias [out], as `torch.nn.ConvTranspose2d` with one group and
 * initialised as there.
 *
 * @throws ValueError where a size is not a positive whole number.
 */
export class ConvTranspose2d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly #options: ConvTranspose2dOptions

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size2d,
    { random, bias = true, ...options }: ConvTranspose2dLayerOptions,
  ) {
    super()
    const [height, width] = pair(kernelSize)
    checkCounts('ConvTranspose2d', { inChannels, outChannels, kernelHeight: height, kernelWidth: width })
    const shape = [inChannels, outChannels, height, width]
    this.weight = this.parameter('weight', kaimingUniform(random.fork('weight'), shape))
    if (bias)
      this.bias = this.parameter(
        'bias',
        uniform(random.fork('bias'), [outChannels], 1 / Math.sqrt(fanIn(shape))),
      )
    this.#options = options
  }

  /** [N, in, H, W] to [N, out, H', W']. */
  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, { ...this.#options, bias: this.bias })
  }
}
