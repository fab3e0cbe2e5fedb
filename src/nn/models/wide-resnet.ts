import { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { kaimingNormal, zero } from '../init.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import type { Conv2d } from '../layers/conv2d.ts'
import { Linear } from '../layers/linear.ts'
import { type Seen, Sequential } from '../layers/sequential.ts'
import { Module } from '../module.ts'
import { Cnn, type Trunk } from './cnn.ts'
import type { Family } from './family.ts'
import type { ModelOptions, Norm } from './model.ts'
import { conv, normsOf } from './parts.ts'

/** conv(relu(bn(conv(a)))) + x with a = relu(bn(x)); where the shape changes, the shortcut is a convolution 1x1 of a. */
class PreActivated extends Module {
  readonly bn1: BatchNorm2d
  readonly #conv1: Conv2d
  readonly #bn2: BatchNorm2d
  readonly #conv2: Conv2d
  readonly #shortcut: Conv2d | undefined

  constructor(from: number, to: number, stride: number, random: Random) {
    super()
    const options = (name: string) => ({ random: random.fork(name), weightInit: kaimingNormal })
    this.bn1 = this.child('bn1', new BatchNorm2d(from))
    this.#conv1 = this.child('conv1', conv(3, from, to, { ...options('conv1'), stride }))
    this.#bn2 = this.child('bn2', new BatchNorm2d(to))
    this.#conv2 = this.child('conv2', conv(3, to, to, options('conv2')))
    if (from !== to) {
      const shortcut = conv(1, from, to, { ...options('convShortcut'), stride })
      this.#shortcut = this.child('convShortcut', shortcut)
    }
  }

  /** [N, from, H, W] to [N, to, H / stride, W / stride]; `seen` is told what the first normalisation gives. */
  forward(x: Tensor, seen?: Seen): Tensor {
    const normal = this.bn1.forward(x)
    seen?.(normal)
    const active = normal.relu()
    const branch = this.#conv2.forward(this.#bn2.forward(this.#conv1.forward(active)).relu())
    return branch.add(this.#shortcut ? this.#shortcut.forward(active) : x)
  }
}

/** The published code has the blocks of a group below the name `layer`. */
class Group extends Module {
  readonly #first: PreActivated
  readonly #layer: Sequential

  constructor(blocks: readonly PreActivated[]) {
    super()
    this.#first = blocks[0]!
    this.#layer = this.child('layer', new Sequential(blocks))
  }

  /** The first batch normalisation. */
  get norm(): BatchNorm2d {
    return this.#first.bn1
  }

  forward(x: Tensor, seen?: Seen): Tensor {
    return this.#layer.forward(x, seen)
  }
}

/** What a wide residual network is built of. */
export interface WideResNetPlan {
  /** Blocks of two convolutions in each of the three groups: n of depth 6n + 4. */
  readonly blocks: number
  /** Times the widths 16, 32, 64. */
  readonly widen: number
}

/**
 * A wide residual network for small images, without dropout. Features are what the groups give, which is not activated
 * yet; the maps before the activation are those behind the batch normalisation that comes next, in the following group
 * or, for the last, before the pooling. The published code runs these normalisations a second time for that, and so
 * moves their running statistics twice; here they run once.
 * Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016, arXiv:1605.07146.
 *
 * @throws as `Cnn`.
 */
export class WideResNet extends Cnn {
  readonly #conv1: Conv2d
  readonly #groups: readonly Group[]
  readonly #bn1: BatchNorm2d
  readonly #fc: Linear

  constructor({ blocks, widen }: WideResNetPlan, options: ModelOptions) {
    super(options, 4)
    const random = new Random(options.seed)
    const init = { random: random.fork('conv1'), weightInit: kaimingNormal }
    this.#conv1 = this.child('conv1', conv(3, this.image[0], 16, init))
    let from = 16
    this.#groups = [16, 32, 64].map((width, g) => {
      const made = Array.from({ length: blocks }, (_, i) => {
        const stride = g > 0 && i === 0 ? 2 : 1
        const block = new PreActivated(from, widen * width, stride, random.fork(`block${g + 1}.${i}`))
        from = widen * width
        return block
      })
      return this.child(`block${g + 1}`, new Group(made))
    })
    this.#bn1 = this.child('bn1', new BatchNorm2d(from))
    this.#fc = this.child('fc', new Linear(from, this.classes, { random: random.fork('fc'), biasInit: zero }))
  }

  protected override get head(): Linear {
    return this.#fc
  }

  protected override trunk(images: Tensor): Trunk {
    const maps = [this.#conv1.forward(images)]
    // Of the map that goes into each group, and of the last one.
    const normals: Tensor[] = []
    for (const group of this.#groups) {
      const seen: Tensor[] = []
      maps.push(group.forward(maps.at(-1)!, (normal) => seen.push(normal)))
      normals.push(seen[0]!)
    }
    normals.push(this.#bn1.forward(maps.at(-1)!))
    const stages = maps.map((map, i) => (i === 0 ? { map } : { map, preActivation: normals[i] }))
    return { stages, last: normals.at(-1)!.relu() }
  }

  protected override last(map: Tensor): Tensor {
    return this.#bn1.forward(map).relu()
  }

  override norms(): Record<string, Norm> {
    return normsOf([...this.#groups.slice(1).map((group) => group.norm), this.#bn1])
  }
}

const wrn = (depth: number, widen: number) => (options: ModelOptions) =>
  new WideResNet({ blocks: (depth - 4) / 6, widen }, options)

export const wideResnets: Family = {
  title: 'Wide ResNet',
  paper: 'Zagoruyko, Komodakis: Wide Residual Networks, BMVC 2016, arXiv:1605.07146',
  about:
    'wrn_40_2 has depth 40 = 6n + 4 and twice the widths 16, 32, 64: a convolution 3x3 to 16 channels, three groups of n blocks with strides 1, 2, 2. Blocks begin with batch normalisation and relu; features are the groups’ sums before that. Pre-activations: behind the batch normalisation that comes next. No dropout.',
  models: {
    wrn_16_1: wrn(16, 1),
    wrn_16_2: wrn(16, 2),
    wrn_40_1: wrn(40, 1),
    wrn_40_2: wrn(40, 2),
  },
}
