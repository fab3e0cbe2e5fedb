import { linear } from '../../ops/matmul.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts, fanIn, type Init, kaimingUniform, uniform } from '../init.ts'
import { Module } from '../module.ts'

export interface LinearOptions {
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
 * x W^T + b with weight [out, in] and bias [out], as `torch.nn.Linear` and initialised as there.
 *
 * @throws ValueError where a size is not a positive whole number.
 */
export class Linear extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | undefined

  constructor(
    inFeatures: number,
    outFeatures: number,
    { random, bias = true, weightInit = kaimingUniform, biasInit }: LinearOptions,
  ) {
    super()
    checkCounts('Linear', { inFeatures, outFeatures })
    const shape = [outFeatures, inFeatures]
    this.weight = this.parameter('weight', weightInit(random.fork('weight'), shape))
    if (bias) {
      const init = biasInit ?? ((random, size) => uniform(random, size, 1 / Math.sqrt(fanIn(shape))))
      this.bias = this.parameter('bias', init(random.fork('bias'), [outFeatures]))
    }
  }

  /** [..., in] to [..., out]. */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
}
