import type { Tensor } from '../../tensor.ts'
import { Module } from '../module.ts'

/** Is told of maps [N, C, H, W] before their activation, as a block comes by them. */
export type Seen = (preActivation: Tensor) => void

/** A module that makes one tensor of another. */
export type Layer = Module & { forward(x: Tensor, seen?: Seen): Tensor }

/**
 * Layers one after the other, as `torch.nn.Sequential`: their names are their places, `0`, `1`, ... A plain function,
 * such as `relu`, has a place and no name, so that the names are those of PyTorch, where it is a module.
 */
export class Sequential extends Module {
  readonly #steps: readonly (Layer | ((x: Tensor) => Tensor))[]

  constructor(steps: readonly (Layer | ((x: Tensor) => Tensor))[]) {
    super()
    this.#steps = steps
    for (const [i, step] of steps.entries()) if (step instanceof Module) this.child(String(i), step)
  }

  /** What the layers make of `x`; each of them may tell `seen`. */
  forward(x: Tensor, seen?: Seen): Tensor {
    return this.#steps.reduce((y, step) => (step instanceof Module ? step.forward(y, seen) : step(y)), x)
  }
}
