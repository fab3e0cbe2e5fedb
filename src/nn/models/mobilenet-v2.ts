import { relu } from '../../ops/elementwise.ts'
import { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { kaimingNormal, zero } from '../init.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import { Linear } from '../layers/linear.ts'
import { Sequential } from '../layers/sequential.ts'
import { Module } from '../module.ts'
import { Cnn, type Trunk } from './cnn.ts'
import type { Family } from './family.ts'
import type { ModelOptions, Norm } from './model.ts'
import { conv, normsOf, smallNormal } from './parts.ts'

/** Expansion, full width, blocks and stride of each stage. */
const STAGES = [
  { expand: 1, width: 16, blocks: 1, stride: 1 },
  { expand: 6, width: 24, blocks: 2, stride: 1 },
  { expand: 6, width: 32, blocks: 3, stride: 2 },
  { expand: 6, width: 64, blocks: 4, stride: 2 },
  { expand: 6, width: 96, blocks: 3, stride: 1 },
  { expand: 6, width: 160, blocks: 3, stride: 2 },
  { expand: 6, width: 320, blocks: 1, stride: 1 },
] as const
/** The stages whose maps the published code compares. */
const COMPARED = [1, 2, 4, 6]
const LAST = 1280

/** Convolutions 1x1 to `expand` times the width, 3x3 per channel, and 1x1 without activation; x is added where it fits. */
class InvertedResidual extends Module {
  readonly #conv: Sequential
  readonly #norm: BatchNorm2d
  readonly #adds: boolean

  constructor(
    from: number,
    to: number,
    { expand, stride, random }: { expand: number; stride: number; random: Random },
  ) {
    super()
    const wide = expand * from
    const options = (name: string) => ({ random: random.fork(name), weightInit: kaimingNormal })
    this.#adds = stride === 1 && from === to
    this.#norm = new BatchNorm2d(to)
    this.#conv = this.child(
      'conv',
      new Sequential([
        ...[conv(1, from, wide, options('expand')), new BatchNorm2d(wide), relu],
        conv(3, wide, wide, { ...options('depthwise'), stride, groups: wide }),
        ...[new BatchNorm2d(wide), relu],
        ...[conv(1, wide, to, options('project')), this.#norm],
      ]),
    )
  }

  /** The batch normalisation at the end. */
  get norm(): BatchNorm2d {
    return this.#norm
  }

  /** [N, from, H, W] to [N, to, H / stride, W / stride]. */
  forward(x: Tensor): Tensor {
    const y = this.#conv.forward(x)
    return this.#adds ? x.add(y) : y
  }
}

/**
 * MobileNetV2 for small images, all widths times `width`, with relu in place of relu6 as in RepDistiller. Features are
 * linear: no activation follows the blocks, so that the maps before the activation are the features themselves.
 * Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018, arXiv:1801.04381.
 *
 * @throws as `Cnn`.
 */
export class MobileNetV2 extends Cnn {
  readonly #conv1: Sequential
  readonly #stages: readonly Sequential[]
  readonly #norms: readonly BatchNorm2d[]
  readonly #conv2: Sequential
  readonly #classifier: Linear

  constructor({ width }: { readonly width: number }, options: ModelOptions) {
    super(options, 16)
    const random = new Random(options.seed)
    const init = (name: string) => ({ random: random.fork(name), weightInit: kaimingNormal })
    let from = 32 * width
    const stem = conv(3, this.image[0], from, { ...init('conv1'), stride: 2 })
    this.#conv1 = this.child('conv1', new Sequential([stem, new BatchNorm2d(from), relu]))
    const made = STAGES.map((stage, s) =>
      Array.from({ length: stage.blocks }, (_, i) => {
        const block = new InvertedResidual(from, stage.width * width, {
          expand: stage.expand,
          stride: i === 0 ? stage.stride : 1,
          random: random.fork(`blocks.${s}.${i}`),
        })
        from = stage.width * width
        return block
      }),
    )
    this.#stages = made.map((blocks) => new Sequential(blocks))
    this.#norms = COMPARED.map((s) => made[s]!.at(-1)!.norm)
    this.child('blocks', new Sequential(this.#stages))
    const last = conv(1, from, LAST, init('conv2'))
    this.#conv2 = this.child('conv2', new Sequential([last, new BatchNorm2d(LAST), relu]))
    this.#classifier = new Linear(LAST, this.classes, {
      random: random.fork('classifier'),
      weightInit: smallNormal,
      biasInit: zero,
    })
    this.child('classifier', new Sequential([this.#classifier]))
  }

  protected override get head(): Linear {
    return this.#classifier
  }

  protected override trunk(images: Tensor): Trunk {
    const stem = this.#conv1.forward(images)
    const maps: Tensor[] = []
    for (const stage of this.#stages) maps.push(stage.forward(maps.at(-1) ?? stem))
    const compared = COMPARED.map((s) => ({ map: maps[s]!, preActivation: maps[s]! }))
    return { stages: [{ map: stem }, ...compared], last: this.last(maps.at(-1)!) }
  }

  protected override last(map: Tensor): Tensor {
    return this.#conv2.forward(map)
  }

  override norms(): Record<string, Norm> {
    return normsOf(this.#norms)
  }
}

export const mobileNets: Family = {
  title: 'MobileNetV2',
  paper:
    'Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018, arXiv:1801.04381',
  about:
    'Half the widths of the paper, expansion 6, a stem 3x3 of stride 2, relu in place of relu6: mobile_half of RepDistiller. Features are what the second, third, fifth and seventh group of blocks give. Nothing activates them, so the pre-activations are the same maps.',
  models: { MobileNetV2: (options) => new MobileNetV2({ width: 0.5 }, options) },
}
