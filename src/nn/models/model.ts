import type { Tensor } from '../../tensor.ts'
import { Module } from '../module.ts'

/** What a model makes of a batch of images. */
export interface ModelOutput {
  /** [N, classes], before any softmax. */
  readonly logits: Tensor
  /**
   * `stage1`, `stage2`, ...: the map [N, C, H, W] after each stage; then `penultimate`: what the last linear layer
   * reads, [N, D]. In the order in which they are computed.
   */
  readonly features: Readonly<Record<string, Tensor>>
}

/** A classifier of images [N, C, H, W]. */
export abstract class Model extends Module {
  abstract forward(images: Tensor): ModelOutput
}

/** What every model can be asked for. */
export interface ModelOptions {
  /** Fixes the first weights and the dropout masks. */
  readonly seed: number
  /** Channels of the images. */
  readonly inChannels?: number
  readonly classes?: number
  /** Height and width of the images. */
  readonly size?: number
}
