import { ConvNet } from './conv-net.ts'
import type { ModelOptions } from './model.ts'

/** A stage per entry, each with a pooling by 2. */
export const pooledStages = (channels: readonly number[]) =>
  channels.map((c) => ({ channels: c, pool: true }))

export interface StudentOptions extends ModelOptions {
  /** Channels of each stage. Default [4, 8]. */
  readonly channels?: readonly number[]
}

/**
 * The minimal CNN: per stage a 3x3 convolution, batch normalisation, relu and max pooling by 2, then one linear layer.
 * As it comes it is S4-8 for 28x28 images of one channel, 4,278 parameters.
 */
export class Student extends ConvNet {
  constructor({ channels = [4, 8], ...options }: StudentOptions) {
    super({ stages: pooledStages(channels), head: 'flatten' }, options)
  }
}
