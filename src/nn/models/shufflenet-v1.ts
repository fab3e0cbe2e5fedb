import { cat } from '../../ops/indexing.ts'
import { avgPool2d } from '../../ops/pool.ts'
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
 * Grouped convolution 1x1 to a quarter of the width, channel shuffle, 3x3 per channel, grouped 1x1. With stride 2 its
 * channels come before those of x averaged over 3x3, otherwise x is added. `seen` is told the map before the last relu.
 */
class Bottleneck extends Block {
  readonly #reduce: Normed
  readonly #depthwise: Normed
  readonly #expand: Normed
  readonly #stride: number
  readonly #groups: number

  constructor(
    from: number,
    to: number,
    { stride, groups, random }: { stride: number; groups: number; random: Random },
  ) {
    super({ random })
    const mid = Math.floor(to / 4)
    this.#stride = stride
    // The few channels of the stem are not split.
    this.#groups = from === STEM ? 1 : groups
    this.#reduce = this.normed(1, from, mid, { groups: this.#groups })
    this.#depthwise = this.normed(3, mid, mid, { stride, groups: mid })
    this.#expand = this.normed(1, mid, to, { groups })
  }

  /** [N, from, H, W] to [N, to, H, W]; with stride 2 to [N, to + from, H / 2, W / 2]. */
  forward(x: Tensor, seen?: Seen): Tensor {
    const mixed = channelShuffle(this.#reduce.forward(x).relu(), this.#groups)
    const branch = this.#expand.forward(this.#depthwise.forward(mixed).relu())
    const joined =
      this.#stride === 2 ? cat([branch, avgPool2d(x, 3, { stride: 2, padding: 1 })], 1) : branch.add(x)
    seen?.(joined)
    return joined.relu()
  }
}

/** What a ShuffleNet is built of. */
export interface ShuffleNetV1Plan {
  readonly groups: number
  /** Channels and blocks of each stage; the first block of a stage has stride 2. */
  readonly stages: readonly { readonly width: number; readonly blocks: number }[]
}

/**
 * ShuffleNet for small images: a stem 1x1 of stride 1. The maps before the activation are those before the last relu of
 * a stage.
 * Zhang et al., "ShuffleNet: an extremely efficient convolutional neural network for mobile devices", CVPR 2018,
 * arXiv:1707.01083.
 *
 * @throws as `Cnn`.
 */
export class ShuffleNetV1 extends Cnn {
  readonly #conv1: Conv2d
  readonly #bn1: BatchNorm2d
  readonly #layers: readonly Sequential[]
  readonly #linear: Linear

  constructor({ groups, stages }: ShuffleNetV1Plan, options: ModelOptions) {
    super(options, 2 ** stages.length)
    const random = new Random(options.seed)
    this.#conv1 = this.child('conv1', conv(1, this.image[0], STEM, { random: random.fork('conv1') }))
    this.#bn1 = this.child('bn1', new BatchNorm2d(STEM))
    let from = STEM
    this.#layers = stages.map(({ width, blocks }, s) => {
      const made = Array.from({ length: blocks }, (_, i) => {
        const block = new Bottleneck(from, i === 0 ? width - from : width, {
          stride: i === 0 ? 2 : 1,
          groups,
          random: random.fork(`layer${s + 1}.${i}`),
        })
        from = width
        return block
      })
      return this.child(`layer${s + 1}`, new Sequential(made))
    })
    this.#linear = this.child('linear', new Linear(from, this.classes, { random: random.fork('linear') }))
  }

  protected override get head(): Linear {
    return this.#linear
  }

  protected override trunk(images: Tensor): Trunk {
    const stages = through(this.#bn1.forward(this.#conv1.forward(images)).relu(), this.#layers)
    return { stages, last: stages.at(-1)!.map }
  }
}

export const shuffleNetsV1: Family = {
  title: 'ShuffleNet',
  paper:
    'Zhang, Zhou, Lin, Sun: ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, CVPR 2018, arXiv:1707.01083',
  about:
    'Three groups, widths 240, 480, 960, blocks 4, 8, 4, each stage of stride 2, a stem 1x1. Pre-activations: the maps before the last relu of a stage. OFD cannot take it as a teacher: no batch normalisation stands right before that relu.',
  models: {
    ShuffleNetV1: (options) =>
      new ShuffleNetV1(
        {
          groups: 3,
          stages: [
            { width: 240, blocks: 4 },
            { width: 480, blocks: 8 },
            { width: 960, blocks: 4 },
          ],
        },
        options,
      ),
  },
}
