import { assign, handOver, snapshot } from '../graph/assign.ts'
import { realize } from '../graph/values.ts'
import type { Module } from '../nn/module.ts'
import { scalar, type Tensor } from '../tensor.ts'
import type { AverageState } from './fit-state.ts'
import { drawnBy, type Held, heldBy, hold, tensorsIn } from './held.ts'

/**
 * An exponential moving average of all that modules hold, parameters and running statistics: after each step
 * average = d * average + (1 - d) * value, where d is `decay`, but in step k at most (1 + k) / (10 + k), so that the
 * first weights are soon forgotten.
 * Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30 (1992);
 * the bound is that of TensorFlow's ExponentialMovingAverage.
 */
export class MovingAverage {
  readonly #modules: readonly Module[]
  readonly #decay: number
  /** By the names of `Held`. */
  readonly #averages: ReadonlyMap<string, Tensor>
  readonly #tensors: ReadonlyMap<string, Tensor>
  #steps = 0

  constructor(modules: readonly Module[], decay: number) {
    this.#modules = modules
    this.#decay = decay
    this.#tensors = tensorsIn(modules)
    this.#averages = heldBy(modules).tensors
  }

  /** Takes the values after a step in. */
  async update(): Promise<void> {
    const k = ++this.#steps
    const decay = Math.min(this.#decay, (1 + k) / (10 + k))
    const [kept, share] = [scalar(decay), scalar(1 - decay)]
    const next = [...this.#tensors].map(([name, value]) => {
      const average = this.#averages.get(name)!
      return [average, average.mul(kept).add(value.mul(share))] as const
    })
    await realize(...next.map(([, value]) => value))
    for (const [average, value] of next) handOver(average, value)
  }

  /** What `act` gives while the modules hold the averages. */
  async during<T>(act: () => Promise<T>): Promise<T> {
    const own = heldBy(this.#modules)
    this.apply()
    try {
      return await act()
    } finally {
      hold(this.#modules, own)
    }
  }

  /** Gives the modules the averages. */
  apply(): void {
    hold(this.#modules, this.held())
  }

  /** The averages as they are now, in the form in which modules hold them. */
  held(): Held {
    const tensors = [...this.#averages].map(([name, average]) => [name, snapshot(average)] as const)
    return { tensors: new Map(tensors), dropouts: drawnBy(this.#modules) }
  }

  get state(): AverageState {
    return { steps: this.#steps, tensors: this.held().tensors }
  }

  restore({ steps, tensors }: AverageState): void {
    this.#steps = steps
    for (const [name, average] of this.#averages) assign(average, tensors.get(name)!)
  }
}
