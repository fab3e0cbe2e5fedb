import { BatchNorm2d } from '../../nn/layers/batch-norm2d.ts'
import { Conv2d } from '../../nn/layers/conv2d.ts'
import { Linear } from '../../nn/layers/linear.ts'
import { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import type { Exit } from './exits.ts'

export interface ExitHeadOptions {
  readonly classes: number
  /** Whether a linear layer follows the feature before it is compared. */
  readonly adapted: boolean
  readonly random: Random
}

/**
 * An exit of a network after a shallow map: a bottleneck to the size and the channels C of the deepest map, and a
 * classifier. Each convolution has no bias and is followed by batch normalisation and relu.
 *
 *     1x1 to C / 4,   k x k with stride k, k: how many times smaller the deepest map is,   1x1 to C,   mean over positions
 */
export class ExitHead extends Module {
  readonly #stages: readonly { readonly conv: Conv2d; readonly bn: BatchNorm2d }[]
  readonly #fc: Linear
  readonly #adapter: Linear | undefined

  constructor(map: Tensor, deepest: Tensor, { classes, adapted, random }: ExitHeadOptions) {
    super()
    const [, from, height, width] = map.shape as [number, number, number, number]
    const [, to, deepHeight, deepWidth] = deepest.shape as [number, number, number, number]
    const times = (shallow: number, deep: number) => Math.max(1, Math.floor(shallow / deep))
    const kernel = [times(height, deepHeight), times(width, deepWidth)] as const
    const mid = Math.max(1, Math.floor(to / 4))
    const stage = (i: number, inside: number, outside: number, size: readonly [number, number]) => ({
      conv: this.child(
        `conv${i}`,
        new Conv2d(inside, outside, size, { random: random.fork(`conv${i}`), stride: size, bias: false }),
      ),
      bn: this.child(`bn${i}`, new BatchNorm2d(outside)),
    })
    this.#stages = [stage(1, from, mid, [1, 1]), stage(2, mid, mid, kernel), stage(3, mid, to, [1, 1])]
    this.#fc = this.child('fc', new Linear(to, classes, { random: random.fork('fc') }))
    if (adapted) this.#adapter = this.child('adapter', new Linear(to, to, { random: random.fork('adapter') }))
  }

  /** [N, from, H, W] to logits [N, classes] and feature [N, C]. */
  forward(map: Tensor): Exit {
    const last = this.#stages.reduce((x, { conv, bn }) => bn.forward(conv.forward(x)).relu(), map)
    const pooled = last.mean([2, 3])
    return { logits: this.#fc.forward(pooled), feature: this.#adapter?.forward(pooled) ?? pooled }
  }
}
