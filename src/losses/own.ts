import { ShapeError, showAll } from '../errors.ts'
import { attachUpdates, type Update } from '../graph/updates.ts'
import { Module } from '../nn/module.ts'
import { sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** Networks that a loss trains beside the student. */
export type Adapters = Readonly<Record<string, Module>>

/** Tensors that a loss remembers from step to step. */
export type State = Readonly<Record<string, Tensor>>

/**
 * What a loss owns beside its formula: adapters, whose parameters the student's optimiser trains, and state, which moves
 * when a step is done. All of it is in `stateDict()` under the names given here; nothing of it is needed for inference
 * unless the loss says how it predicts.
 */
export class Own<A extends Adapters = Adapters, S extends State = State> extends Module {
  readonly adapters: A
  readonly state: S
  #updates: Update[] = []

  constructor(adapters: A, state: S) {
    super()
    for (const [name, module] of Object.entries(adapters)) this.child(name, module)
    for (const [name, values] of Object.entries(state)) this.buffer(name, values)
    this.adapters = adapters
    this.state = state
  }

  /**
   * Says what `target`, a tensor of the state, becomes when the step on this loss is done, from what it was before.
   * A loss that nobody steps on leaves it as it is, and so does evaluation mode.
   */
  afterStep(target: Tensor, next: (before: Tensor) => Tensor): void {
    this.#updates.push({ target, next })
  }

  /**
   * Throws where the last loss would give a tensor of the state another shape.
   *
   * @throws ShapeError naming the loss and the tensor.
   */
  checkUpdates(id: string): void {
    for (const { target, next } of this.#updates) {
      const { shape } = next(target)
      if (!sameShape(shape, target.shape)) {
        const name = Object.keys(this.state).find((key) => this.state[key] === target)
        throw new ShapeError(
          `${id}: the state ${name ?? 'that it moves'} would change its shape, got ${showAll([shape, target.shape])}. Give afterStep values of the same shape.`,
        )
      }
    }
  }

  /** The loss that `build` makes. What `afterStep` collects meanwhile is part of every step on it. */
  collecting(build: () => Tensor): Tensor {
    this.#updates = []
    const loss = build()
    if (this.training && this.#updates.length > 0) attachUpdates(loss, this.#updates)
    return loss
  }
}
