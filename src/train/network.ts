import type { Tensor } from '../tensor.ts'

/** What a network gives for images [N, C, H, W]. */
export interface NetworkOutput {
  /** [N, classes] */
  readonly logits: Tensor
  /** Named feature maps [N, C, H, W] and pooled features [N, D], shallow to deep. */
  readonly features: Readonly<Record<string, Tensor>>
}

/** What training needs of a network; every model of `kdgrad/models` is one. */
export interface Network {
  forward(images: Tensor): NetworkOutput
  train(): unknown
  eval(): unknown
  parameters(): readonly Tensor[]
  stateDict(): ReadonlyMap<string, Tensor>
}
