import { ShapeError, show, ValueError } from '../../errors.ts'
import { maxPool2d } from '../../ops/pool.ts'
import { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts } from '../init.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import { Conv2d } from '../layers/conv2d.ts'
import { Dropout } from '../layers/dropout.ts'
import { Linear } from '../layers/linear.ts'
import { classActivationMaps, meanClassMaps } from './class-maps.ts'
import {
  type Classified,
  type Image,
  Model,
  type ModelOptions,
  type ModelOutput,
  type Norm,
  sidesOf,
} from './model.ts'
import { normsOf } from './parts.ts'

/** Convolution 3x3 (padding 1, no bias), batch normalisation, relu, and where `pool` is set a max pooling by 2. */
export interface Stage {
  readonly channels: number
  /** Default 1. */
  readonly stride?: number
  /** Default false. */
  readonly pool?: boolean
}

/** A plain convolutional network, from the images to the logits. */
export interface ConvNetPlan {
  readonly stages: readonly Stage[]
  /** How the last map becomes a vector: all its elements, or the mean of each channel. */
  readonly head: 'flatten' | 'mean'
  /** Width of a linear layer with relu before the last one; none where left out. */
  readonly hidden?: number | undefined
  /** Probability that an element of that vector is dropped in training. Default 0. */
  readonly dropout?: number | undefined
}

/**
 * The network that a plan describes. Its parts are `conv1`, `bn1`, ..., `hidden` where there is one, and `fc`.
 *
 * @throws ValueError where a number makes no sense. @throws ShapeError where the images are too small for the stages.
 */
export class ConvNet extends Model {
  readonly #stages: readonly { readonly conv: Conv2d; readonly bn: BatchNorm2d; readonly pool: boolean }[]
  readonly #head: ConvNetPlan['head']
  readonly #dropout: Dropout | undefined
  readonly #hidden: Linear | undefined
  readonly #fc: Linear
  override readonly image: Image

  constructor(plan: ConvNetPlan, { seed, inChannels = 1, classes = 10, size = 28 }: ModelOptions) {
    super()
    let [height, width] = sidesOf(size)
    checkCounts('model', { inChannels, classes, height, width })
    if (plan.stages.length === 0)
      throw new ValueError('model: there must be at least one stage, got none. Name its channels.')
    const random = new Random(seed)
    this.image = [inChannels, height, width]
    this.#head = plan.head
    this.#stages = plan.stages.map(({ channels, stride = 1, pool = false }, i) => {
      const after = (side: number) => Math.floor((Math.floor((side - 1) / stride) + 1) / (pool ? 2 : 1))
      height = after(height)
      width = after(width)
      if (height < 1 || width < 1)
        throw new ShapeError(
          `model: nothing is left of the images after stage ${i + 1}, got ${show(this.image)}. Use larger images or fewer stages.`,
        )
      const name = `conv${i + 1}`
      const from = plan.stages[i - 1]?.channels ?? inChannels
      const options = { random: random.fork(name), stride, padding: 1, bias: false }
      return {
        conv: this.child(name, new Conv2d(from, channels, 3, options)),
        bn: this.child(`bn${i + 1}`, new BatchNorm2d(channels)),
        pool,
      }
    })
    let features = plan.stages.at(-1)!.channels * (plan.head === 'flatten' ? height * width : 1)
    if (plan.dropout)
      this.#dropout = this.child('dropout', new Dropout(plan.dropout, { random: random.fork('dropout') }))
    if (plan.hidden !== undefined) {
      this.#hidden = this.child(
        'hidden',
        new Linear(features, plan.hidden, { random: random.fork('hidden') }),
      )
      features = plan.hidden
    }
    this.#fc = this.child('fc', new Linear(features, classes, { random: random.fork('fc') }))
  }

  /**
   * Images [N, C, H, W] to logits and features.
   *
   * @throws ShapeError where they are not of the channels and size that the model was made for.
   */
  forward(images: Tensor): ModelOutput {
    const [channels, height, width] = this.image
    if (images.rank !== 4 || images.shape.slice(1).some((n, d) => n !== this.image[d]))
      throw new ShapeError(
        `model: the images do not fit, got ${show(images.shape)}. Expected [N, ${channels}, ${height}, ${width}]; set inChannels and size to those of the data.`,
      )
    const features: Record<string, Tensor> = {}
    const preActivations: Record<string, Tensor> = {}
    let x = images
    this.#stages.forEach(({ conv, bn, pool }, i) => {
      const normal = bn.forward(conv.forward(x))
      preActivations[stageName(i)] = normal
      x = normal.relu()
      if (pool) x = maxPool2d(x, 2)
      features[stageName(i)] = x
    })
    const { penultimate, logits } = this.classify(x)
    return { logits, features: { ...features, penultimate }, preActivations }
  }

  override classify(map: Tensor): Classified {
    let x = this.#head === 'flatten' ? map.flatten(1) : map.mean([2, 3])
    if (this.#dropout) x = this.#dropout.forward(x)
    if (this.#hidden) x = this.#hidden.forward(x).relu()
    return { penultimate: x, logits: this.#fc.forward(x) }
  }

  /**
   * With a hidden layer each sample's maps are those of the units that it activates, whose gates are constants: there
   * too the mean over positions is the logit. As without dropout.
   */
  override classMaps(map: Tensor): Tensor {
    const [, channels, height, width] = map.shape as [number, number, number, number]
    const vector = this.#head === 'flatten' ? map.flatten(1) : map.mean([2, 3])
    const { weight, bias } = this.#linear(vector)
    if (this.#head === 'mean') return meanClassMaps(map, weight, bias)
    const byPlace = weight.reshape([weight.shape[0]!, weight.shape[1]!, channels, height, width])
    return classActivationMaps(map, byPlace, bias)
  }

  /** The linear map that the layers after the pooling are for each `vector` [N, D]: [N or 1, classes, D], [N or 1, classes]. */
  #linear(vector: Tensor): { weight: Tensor; bias: Tensor } {
    const fc = { weight: this.#fc.weight.unsqueeze(0), bias: this.#fc.bias!.unsqueeze(0) }
    if (!this.#hidden) return fc
    const { weight, bias } = this.#hidden
    const open = this.#hidden.forward(vector).detach().gt(0).toFloat()
    const gated = fc.weight.mul(open.unsqueeze(1))
    return { weight: gated.matmul(weight), bias: gated.matmul(bias!.unsqueeze(-1)).squeeze(-1).add(fc.bias) }
  }

  override norms(): Record<string, Norm> {
    return normsOf(this.#stages.map(({ bn }) => bn))
  }
}

const stageName = (i: number) => `stage${i + 1}`
