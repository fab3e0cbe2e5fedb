import { ValueError } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import { Module } from '../module.ts'

/** Sizes of an image, without the batch. */
export type Image = readonly [channels: number, height: number, width: number]

/** What a model makes of a batch of images. */
export interface ModelOutput {
  /** [N, classes], before any softmax. */
  readonly logits: Tensor
  /**
   * `stage1`, `stage2`, ...: the map [N, C, H, W] after each stage, `stem` before them where there is one; then
   * `penultimate`: what the last linear layer reads, [N, D]. In the order in which they are computed.
   */
  readonly features: Readonly<Record<string, Tensor>>
  /** The maps before the activation at the end of each stage, by the same names. */
  readonly preActivations?: Readonly<Record<string, Tensor>>
}

/** What follows a model's last map. */
export interface Classified {
  /** [N, D] */
  readonly penultimate: Tensor
  /** [N, classes] */
  readonly logits: Tensor
}

/** Scale and shift [C] of a batch normalisation. */
export interface Norm {
  readonly weight: Tensor
  readonly bias: Tensor
}

/**
 * A classifier of images [N, C, H, W]. `forward` is all that training needs; the other methods are what some
 * distillation losses ask for, and say so where a model does not have them.
 */
export abstract class Model extends Module {
  /** The images that it was made for, where it says so. */
  declare readonly image?: Image

  abstract forward(images: Tensor): ModelOutput

  /** What the model makes of its own last map [N, C, H, W], or of one like it. */
  classify(_map: Tensor): Classified {
    throw lacking('classifier of maps', 'classify(map)')
  }

  /** Class activation maps [N, classes, H, W] of the last map, whose means over positions are the logits. */
  classMaps(_map: Tensor): Tensor {
    throw lacking('class activation maps', 'classMaps(map)')
  }

  /** The batch normalisation before the activation of each stage, by the names of `preActivations`. */
  norms(): Readonly<Record<string, Norm>> {
    throw lacking('batch normalisation before its activations', 'norms()')
  }
}

const lacking = (what: string, method: string) =>
  new ValueError(`model: it has no ${what}, got a loss that needs one. Define ${method} in the model.`)

/** Height and width of what `size` says. */
export const sidesOf = (size: number | readonly [number, number]): readonly [number, number] =>
  typeof size === 'number' ? [size, size] : size

/** What every model can be asked for. */
export interface ModelOptions {
  /** Fixes the first weights and the dropout masks. */
  readonly seed: number
  /** Channels of the images. */
  readonly inChannels?: number
  readonly classes?: number
  /** Height and width of the images; one number where they are square. */
  readonly size?: number | readonly [height: number, width: number]
  /** Probability of the dropout of models that have one; others take none. */
  readonly dropout?: number
}
