import { ShapeError, show } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import { checkCounts } from '../init.ts'
import type { Linear } from '../layers/linear.ts'
import type { Sequential } from '../layers/sequential.ts'
import { meanClassMaps } from './class-maps.ts'
import { type Classified, type Image, Model, type ModelOptions, type ModelOutput, sidesOf } from './model.ts'

/** What a stage gives. */
export interface Staged {
  /** [N, C, H, W] */
  readonly map: Tensor
  /** [N, C, H, W], before the activation at the end of the stage. */
  readonly preActivation?: Tensor | undefined
}

/** What stands between the images and the linear layer. */
export interface Trunk {
  /** Of the stem and of each stage. */
  readonly stages: readonly Staged[]
  /** [N, D, H, W], whose mean over positions the linear layer reads. */
  readonly last: Tensor
}

/**
 * A network of stem, stages, the mean over positions and one linear layer. Its features are `stem`, `stage1`, `stage2`,
 * ..., `penultimate`: f0, f1, f2, ... and the pooled feature of the published code. There, as here, what stands before
 * the stem's activation is never compared. Images may have any size that the strides do not use up, also another than
 * that of the options. Options default to CIFAR-100: 3 channels, 100 classes, 32 x 32.
 *
 * @throws ValueError where a number makes no sense. @throws ShapeError where the images are too small for the strides.
 */
export abstract class Cnn extends Model {
  override readonly image: Image
  protected readonly classes: number
  readonly #stride: number

  /** `stride` is the product of all strides. */
  constructor({ inChannels = 3, classes = 100, size = 32 }: ModelOptions, stride: number) {
    super()
    const [height, width] = sidesOf(size)
    checkCounts('model', { inChannels, classes, height, width })
    this.image = [inChannels, height, width]
    this.classes = classes
    this.#stride = stride
    this.#checkSize(this.image)
  }

  /** The layer that reads the mean. */
  protected abstract get head(): Linear

  protected abstract trunk(images: Tensor): Trunk

  /** The map that is averaged, from that of the last stage: the same where no layers stand between. */
  protected last(map: Tensor): Tensor {
    return map
  }

  /**
   * Images [N, C, H, W] to logits and features.
   *
   * @throws ShapeError where they have other channels than the model was made for, or are too small for the strides.
   */
  forward(images: Tensor): ModelOutput {
    const [channels] = this.image
    if (images.rank !== 4 || images.shape[1] !== channels)
      throw new ShapeError(
        `model: the images do not fit, got ${show(images.shape)}. Expected [N, ${channels}, H, W]; set inChannels to that of the data.`,
      )
    this.#checkSize(images.shape)
    const { stages, last } = this.trunk(images)
    const { penultimate, logits } = this.#read(last)
    const named = stages.map((stage, i) => [i === 0 ? 'stem' : `stage${i}`, stage] as const)
    const preActivations = named.flatMap(([name, { preActivation }]) =>
      preActivation ? [[name, preActivation] as const] : [],
    )
    return {
      logits,
      features: { ...Object.fromEntries(named.map(([name, { map }]) => [name, map])), penultimate },
      preActivations: Object.fromEntries(preActivations),
    }
  }

  #checkSize(shape: readonly number[]): void {
    const least = this.#stride
    if (shape.slice(-2).some((n) => n < least))
      throw new ShapeError(
        `model: the images are too small for strides of ${least} in all, got ${show(shape)}. Use images of at least ${least} x ${least}.`,
      )
  }

  override classify(map: Tensor): Classified {
    return this.#read(this.last(map))
  }

  #read(last: Tensor): Classified {
    const penultimate = last.mean([2, 3])
    return { penultimate, logits: this.head.forward(penultimate) }
  }

  override classMaps(map: Tensor): Tensor {
    const { weight, bias } = this.head
    return meanClassMaps(this.last(map), weight.unsqueeze(0), bias!.unsqueeze(0))
  }
}

/** What a stem's map becomes through stages whose last block tells what stands before its activation. */
export function through(stem: Tensor, stages: readonly Sequential[]): Staged[] {
  const done: Staged[] = [{ map: stem }]
  for (const stage of stages) {
    const seen: Tensor[] = []
    const map = stage.forward(done.at(-1)!.map, (preActivation) => seen.push(preActivation))
    done.push({ map, preActivation: seen.at(-1) })
  }
  return done
}
