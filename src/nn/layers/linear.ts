import { linear } from '../../ops/matmul.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts, fanIn, kaimingUniform, uniform } from '../init.ts'
import { Module } from '../module.ts'

export interface LinearOptions {
  /** Draws the first weights; the layer takes nothing from the stream itself, only from its forks. */
  readonly random: Random
  /** Default true. */
  readonly bias?: boolean
}

/**
 * x W^T + b with weight [out, in] and bias [out], as `torch.nn.Linear` and initialised as there.
 *
 * @throws ValueError where a size is not a positive whole number.
 */
export class Linear extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | undefined

  constructor(inFeatures: number, outFeatures: number, { random, bias = true }: LinearOptions) {
    super()
    checkCounts('Linear', { inFeatures, outFeatures })
    const shape = [outFeatures, inFeatures]
    this.weight = this.parameter('weight', kaimingUniform(random.fork('weight'), shape))
    if (bias) {
      const bound = 1 / Math.sqrt(fanIn(shape))
      this.bias = this.parameter('bias', uniform(random.fork('bias'), [outFeatures], bound))
    }
  }

  /** [..., in] to [..., out]. */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
}
