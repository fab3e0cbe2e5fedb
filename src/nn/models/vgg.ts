import { relu } from '../../ops/elementwise.ts'
import { maxPool2d } from '../../ops/pool.ts'
import { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { kaimingNormal, zero } from '../init.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import { Conv2d } from '../layers/conv2d.ts'
import { Linear } from '../layers/linear.ts'
import { Sequential } from '../layers/sequential.ts'
import { Cnn, type Trunk } from './cnn.ts'
import type { Family } from './family.ts'
import type { ModelOptions, Norm } from './model.ts'
import { normsOf, smallNormal } from './parts.ts'

/** Five blocks: the widths of the convolutions in each. */
export type VggPlan = readonly (readonly number[])[]

/** Images of at least this size are pooled once more. */
const LARGE = 64

/**
 * A VGG network with batch normalisation for small images: five blocks of convolutions 3x3 (with bias), each followed by
 * batch normalisation and relu; max pooling by 2 after the first three, and after the fourth where images are 64 or
 * larger. Features are taken before the pooling; the first block stands where other networks have a stem. The maps
 * before the activation are what the last batch normalisation of a block gives.
 * Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, arXiv:1409.1556.
 *
 * @throws as `Cnn`.
 */
export class Vgg extends Cnn {
  readonly #blocks: readonly Sequential[]
  readonly #norms: readonly BatchNorm2d[]
  readonly #classifier: Linear

  constructor(plan: VggPlan, options: ModelOptions) {
    super(options, 8)
    const random = new Random(options.seed)
    let from = this.image[0]
    const made = plan.map((widths, b) =>
      widths.map((width, i) => {
        const conv = new Conv2d(from, width, 3, {
          random: random.fork(`block${b}.${i}`),
          padding: 1,
          weightInit: kaimingNormal,
          biasInit: zero,
        })
        from = width
        return { conv, bn: new BatchNorm2d(width) }
      }),
    )
    this.#blocks = made.map((layers, b) => {
      // The last relu stands outside, so that what comes before it can be seen.
      const steps = layers.flatMap(({ conv, bn }, i) => [...(i > 0 ? [relu] : []), conv, bn])
      return this.child(`block${b}`, new Sequential(steps))
    })
    this.#norms = made.slice(1).map((layers) => layers.at(-1)!.bn)
    const init = { random: random.fork('classifier'), weightInit: smallNormal, biasInit: zero }
    this.#classifier = this.child('classifier', new Linear(from, this.classes, init))
  }

  protected override get head(): Linear {
    return this.#classifier
  }

  protected override trunk(images: Tensor): Trunk {
    const pools = images.shape[2]! < LARGE ? 3 : 4
    const preActivations: Tensor[] = []
    const maps: Tensor[] = []
    for (const [b, block] of this.#blocks.entries()) {
      const x = b === 0 ? images : maps.at(-1)!
      preActivations.push(block.forward(b > 0 && b <= pools ? maxPool2d(x, 2) : x))
      maps.push(preActivations.at(-1)!.relu())
    }
    return {
      stages: maps.map((map, i) => (i === 0 ? { map } : { map, preActivation: preActivations[i] })),
      last: maps.at(-1)!,
    }
  }

  override norms(): Record<string, Norm> {
    return normsOf(this.#norms)
  }
}

/** So many convolutions of widths 64, 128, 256, 512 and 512. */
const vgg =
  (...counts: readonly number[]) =>
  (options: ModelOptions) =>
    new Vgg(
      [64, 128, 256, 512, 512].map((width, b) => Array.from({ length: counts[b]! }, () => width)),
      options,
    )

export const vggs: Family = {
  title: 'VGG with batch normalisation',
  paper:
    'Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, arXiv:1409.1556; vgg8: RepDistiller',
  about:
    'Five blocks of convolutions 3x3, each with batch normalisation and relu; max pooling by 2 after the first three, and after the fourth for images of 64 and more. Features are taken before the pooling; `stem` is the first block. Pre-activations: before the last relu of a block.',
  models: {
    vgg8: vgg(1, 1, 1, 1, 1),
    vgg11: vgg(1, 1, 2, 2, 2),
    vgg13: vgg(2, 2, 2, 2, 2),
    vgg16: vgg(2, 2, 3, 3, 3),
    vgg19: vgg(2, 2, 4, 4, 4),
  },
}
