import { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { kaimingNormal } from '../init.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import type { Conv2d } from '../layers/conv2d.ts'
import { Linear } from '../layers/linear.ts'
import { type Seen, Sequential } from '../layers/sequential.ts'
import { Cnn, type Trunk, through } from './cnn.ts'
import type { Family } from './family.ts'
import type { ModelOptions, Norm } from './model.ts'
import { Block, conv, type Normed, normsOf } from './parts.ts'

/** What a ResNet is built of. */
export interface ResNetPlan {
  /** Two convolutions 3x3, or 1x1, 3x3 and 1x1 to four times the width. */
  readonly block: 'basic' | 'bottleneck'
  /** Channels of the stem. */
  readonly stem: number
  /** Blocks and width of each stage; from the second on, the first block has stride 2. */
  readonly stages: readonly { readonly blocks: number; readonly width: number }[]
  /** What the published code calls the shortcut and the linear layer. */
  readonly names: { readonly shortcut: string; readonly head: string }
}

/** One convolution of a block. */
interface Step {
  readonly kernel: 1 | 3
  readonly channels: number
  readonly stride?: number
}

const steps: Readonly<Record<ResNetPlan['block'], (width: number, stride: number) => readonly Step[]>> = {
  basic: (width, stride) => [
    { kernel: 3, channels: width, stride },
    { kernel: 3, channels: width },
  ],
  bottleneck: (width, stride) => [
    { kernel: 1, channels: width },
    { kernel: 3, channels: width, stride },
    { kernel: 1, channels: 4 * width },
  ],
}

/**
 * Convolutions, each with its batch normalisation, and a shortcut around them: relu(bn(conv(... relu(bn(conv(x))))) + x).
 * The shortcut is a convolution 1x1 with batch normalisation where the shape changes. `seen` is told the sum.
 */
class Residual extends Block {
  readonly #layers: readonly Normed[]
  readonly #shortcut: Sequential | undefined

  constructor(
    from: number,
    steps: readonly Step[],
    { random, shortcut }: { random: Random; shortcut: string },
  ) {
    super({ random, weightInit: kaimingNormal })
    const to = steps.at(-1)!.channels
    this.#layers = steps.map(({ kernel, channels, stride = 1 }, i) =>
      this.normed(kernel, steps[i - 1]?.channels ?? from, channels, { stride }),
    )
    const stride = Math.max(...steps.map((step) => step.stride ?? 1))
    if (stride !== 1 || to !== from) {
      const fitted = conv(1, from, to, { stride, ...this.drawing(shortcut) })
      this.#shortcut = this.child(shortcut, new Sequential([fitted, new BatchNorm2d(to)]))
    }
  }

  /** The batch normalisation before the last activation. */
  get norm(): BatchNorm2d {
    return this.#layers.at(-1)!.bn
  }

  /** [N, C, H, W] to [N, C', H / stride, W / stride]. */
  forward(x: Tensor, seen?: Seen): Tensor {
    const branch = this.#layers.reduce((y, layer, i) => layer.forward(i === 0 ? y : y.relu()), x)
    const sum = branch.add(this.#shortcut ? this.#shortcut.forward(x) : x)
    seen?.(sum)
    return sum.relu()
  }
}

/**
 * A residual network for small images: a stem 3x3 of stride 1, no pooling before the last. The maps before the activation
 * are the sums of branch and shortcut at the end of each stage.
 * He et al., "Deep residual learning for image recognition", CVPR 2016, arXiv:1512.03385, section 4.2.
 *
 * @throws as `Cnn`.
 */
export class ResNet extends Cnn {
  readonly #conv1: Conv2d
  readonly #bn1: BatchNorm2d
  readonly #layers: readonly Sequential[]
  readonly #norms: readonly BatchNorm2d[]
  readonly #head: Linear

  constructor({ block, stem, stages, names }: ResNetPlan, options: ModelOptions) {
    super(options, 2 ** (stages.length - 1))
    const random = new Random(options.seed)
    const init = { random: random.fork('conv1'), weightInit: kaimingNormal }
    this.#conv1 = this.child('conv1', conv(3, this.image[0], stem, init))
    this.#bn1 = this.child('bn1', new BatchNorm2d(stem))
    let from = stem
    const made = stages.map(({ blocks, width }, s) =>
      Array.from({ length: blocks }, (_, i) => {
        const convolutions = steps[block](width, s > 0 && i === 0 ? 2 : 1)
        const made = new Residual(from, convolutions, {
          random: random.fork(`layer${s + 1}.${i}`),
          shortcut: names.shortcut,
        })
        from = convolutions.at(-1)!.channels
        return made
      }),
    )
    this.#layers = made.map((stage, s) => this.child(`layer${s + 1}`, new Sequential(stage)))
    this.#norms = made.map((stage) => stage.at(-1)!.norm)
    this.#head = this.child(names.head, new Linear(from, this.classes, { random: random.fork(names.head) }))
  }

  protected override get head(): Linear {
    return this.#head
  }

  protected override trunk(images: Tensor): Trunk {
    const stages = through(this.#bn1.forward(this.#conv1.forward(images)).relu(), this.#layers)
    return { stages, last: stages.at(-1)!.map }
  }

  override norms(): Record<string, Norm> {
    return normsOf(this.#norms)
  }
}

/** Depth 6n + 2: n blocks of two convolutions per stage, the stem and the linear layer. */
const cifar =
  (depth: number, times = 1, stem = 16) =>
  (options: ModelOptions) =>
    new ResNet(
      {
        block: 'basic',
        stem,
        stages: [16, 32, 64].map((width) => ({ blocks: (depth - 2) / 6, width: times * width })),
        names: { shortcut: 'downsample', head: 'fc' },
      },
      options,
    )

export const resnets: Family = {
  title: 'ResNet for CIFAR',
  paper:
    'He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385, section 4.2',
  about:
    'Depth 6n + 2: a stem 3x3, three stages of n blocks (two convolutions 3x3) with strides 1, 2, 2. In x4 all widths are four times as large, but the stem twice. Shortcuts are the identity, or a convolution 1x1 where the shape changes. Pre-activations: the sums before the last relu of a stage.',
  models: {
    resnet8: cifar(8),
    resnet14: cifar(14),
    resnet20: cifar(20),
    resnet32: cifar(32),
    resnet44: cifar(44),
    resnet56: cifar(56),
    resnet110: cifar(110),
    resnet8x4: cifar(8, 4, 32),
    resnet32x4: cifar(32, 4, 32),
  },
}

export const bottleneckResnets: Family = {
  title: 'ResNet-50 for small images',
  paper: 'He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385',
  about:
    'The four stages of the ImageNet network (3, 4, 6, 3 blocks of convolutions 1x1, 3x3, 1x1; strides 1, 2, 2, 2) behind a stem 3x3 of stride 1 without pooling. Pre-activations: the sums before the last relu of a stage.',
  models: {
    ResNet50: (options) =>
      new ResNet(
        {
          block: 'bottleneck',
          stem: 64,
          stages: [3, 4, 6, 3].map((blocks, i) => ({ blocks, width: 64 * 2 ** i })),
          names: { shortcut: 'shortcut', head: 'linear' },
        },
        options,
      ),
  },
}
