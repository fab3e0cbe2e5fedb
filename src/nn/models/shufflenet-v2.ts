import { cat } from '../../ops/indexing.ts'
import { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import { channelShuffle } from '../layers/channel-shuffle.ts'
import type { Conv2d } from '../layers/conv2d.ts'
import { Linear } from '../layers/linear.ts'
import { type Seen, Sequential } from '../layers/sequential.ts'
import { Cnn, type Trunk, through } from './cnn.ts'
import type { Family } from './family.ts'
import type { ModelOptions } from './model.ts'
import { Block, conv, type Normed } from './parts.ts'

const STEM = 24

/**
 * Half of the channels goes on as it is, the other half through convolutions 1x1, 3x3 per channel and 1x1; then both are
 * shuffled. `seen` is told both halves, one before its last relu, and not shuffled yet, as in mdistiller.
 */
class Basic extends Block {
  readonly #first: Normed
  readonly #depthwise: Normed
  readonly #last: Normed

  constructor(channels: number, random: Random) {
    super({ random })
    const half = channels / 2
    this.#first = this.normed(1, half, half)
    this.#depthwise = this.normed(3, half, half, { groups: half })
    this.#last = this.normed(1, half, half)
  }

  /** [N, C, H, W] to the same shape. */
  forward(x: Tensor, seen?: Seen): Tensor {
    const [kept, through] = x.chunk(2, 1) as [Tensor, Tensor]
    const branch = this.#last.forward(this.#depthwise.forward(this.#first.forward(through).relu()))
    seen?.(cat([kept, branch], 1))
    return channelShuffle(cat([kept, branch.relu()], 1), 2)
  }
}

/** Two branches of stride 2, each to half of the channels, shuffled. */
class Down extends Block {
  readonly #left: readonly Normed[]
  readonly #right: readonly Normed[]

  constructor(from: number, to: number, random: Random) {
    super({ random })
    const half = to / 2
    this.#left = [this.normed(3, from, from, { stride: 2, groups: from }), this.normed(1, from, half)]
    this.#right = [
      this.normed(1, from, half),
      this.normed(3, half, half, { stride: 2, groups: half }),
      this.normed(1, half, half),
    ]
  }

  /** [N, from, H, W] to [N, to, H / 2, W / 2]. */
  forward(x: Tensor): Tensor {
    const [depthwise, last] = this.#left as [Normed, Normed]
    const left = last.forward(depthwise.forward(x)).relu()
    const [first, middle, end] = this.#right as [Normed, Normed, Normed]
    const right = end.forward(middle.forward(first.forward(x).relu())).relu()
    return channelShuffle(cat([left, right], 1), 2)
  }
}

/** What a ShuffleNetV2 is built of. */
export interface ShuffleNetV2Plan {
  /** Channels of each stage, and how many blocks follow the one that halves the plane. */
  readonly stages: readonly { readonly width: number; readonly blocks: number }[]
  /** Channels of the convolution 1x1 before the pooling. */
  readonly last: number
}

/**
 * ShuffleNetV2 for small images: a stem 1x1 of stride 1. The maps before the activation hold the half of the channels
 * that a stage's last block passes on and what the other half is before its relu, in this order.
 * Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", ECCV 2018, arXiv:1807.11164.
 *
 * @throws as `Cnn`.
 */
export class ShuffleNetV2 extends Cnn {
  readonly #conv1: Conv2d
  readonly #bn1: BatchNorm2d
  readonly #layers: readonly Sequential[]
  readonly #conv2: Conv2d
  readonly #bn2: BatchNorm2d
  readonly #linear: Linear

  constructor({ stages, last }: ShuffleNetV2Plan, options: ModelOptions) {
    super(options, 2 ** stages.length)
    const random = new Random(options.seed)
    this.#conv1 = this.child('conv1', conv(1, this.image[0], STEM, { random: random.fork('conv1') }))
    this.#bn1 = this.child('bn1', new BatchNorm2d(STEM))
    let from = STEM
    this.#layers = stages.map(({ width, blocks }, s) => {
      const name = `layer${s + 1}`
      const down = new Down(from, width, random.fork(`${name}.0`))
      from = width
      const rest = Array.from({ length: blocks }, (_, i) => new Basic(width, random.fork(`${name}.${i + 1}`)))
      return this.child(name, new Sequential([down, ...rest]))
    })
    this.#conv2 = this.child('conv2', conv(1, from, last, { random: random.fork('conv2') }))
    this.#bn2 = this.child('bn2', new BatchNorm2d(last))
    this.#linear = this.child('linear', new Linear(last, this.classes, { random: random.fork('linear') }))
  }

  protected override get head(): Linear {
    return this.#linear
  }

  protected override trunk(images: Tensor): Trunk {
    const stages = through(this.#bn1.forward(this.#conv1.forward(images)).relu(), this.#layers)
    return { stages, last: this.last(stages.at(-1)!.map) }
  }

  protected override last(map: Tensor): Tensor {
    return this.#bn2.forward(this.#conv2.forward(map)).relu()
  }
}

export const shuffleNetsV2: Family = {
  title: 'ShuffleNetV2',
  paper:
    'Ma, Zhang, Zheng, Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018, arXiv:1807.11164',
  about:
    'Size 1: widths 116, 232, 464, per stage a block of stride 2 and 3, 7, 3 more, a stem 1x1, a convolution 1x1 to 1024 before the pooling. Pre-activations: of each stage’s last block, the half that is passed on and the other before its relu, not shuffled. OFD cannot take it as a teacher: half of the channels has no batch normalisation there.',
  models: {
    ShuffleNetV2: (options) =>
      new ShuffleNetV2(
        {
          stages: [
            { width: 116, blocks: 3 },
            { width: 232, blocks: 7 },
            { width: 464, blocks: 3 },
          ],
          last: 1024,
        },
        options,
      ),
  },
}
