import '../ops/methods.ts'
import { DataError, ShapeError, show, ValueError } from '../errors.ts'
import { assign, handOver, snapshot } from '../graph/assign.ts'
import { grad } from '../graph/grad.ts'
import { type Assignment, settle, updatesOf } from '../graph/updates.ts'
import { realize } from '../graph/values.ts'
import { topological } from '../graph/walk.ts'
import { cat } from '../ops/indexing.ts'
import { sameShape } from '../shape.ts'
import { type AnyTensor, full, Tensor } from '../tensor.ts'
import { checkSetting } from './settings.ts'

/** Everything that an optimiser remembers from step to step. */
export interface OptimizerState {
  /** Steps taken. */
  readonly steps: number
  /** PyTorch's names behind the parameter's number, for example `0.momentum_buffer`. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** What `stepIfFinite` did. */
export interface GuardedStep {
  /** False where the loss or a gradient was NaN or infinite. */
  readonly stepped: boolean
  readonly loss: number
  /** The other scalars that it was given, in order. */
  readonly terms: readonly number[]
}

/** What every optimiser hands to this one. */
interface Common {
  readonly lr: number
  /** Null where the optimiser has none. */
  readonly momentum: number | null
  /** Names of the tensors to remember per parameter. */
  readonly slots: readonly string[]
  /** What they hold before the first step. Default 0. */
  readonly start?: number
}

/** A loss's graph reads the parameters as they are; after a step it would read the new ones. */
const stepped = new WeakSet<AnyTensor>()

/**
 * Moves parameters down the gradient of a loss. Gradients, update and running statistics are one graph and one pass
 * over the device. State is explicit: see `state`.
 */
export abstract class Optimizer {
  /** What is trained. */
  readonly parameters: readonly Tensor[]
  /** What `step` makes of the gradients before the update; all of them as they are, unless it is set. */
  clip: (gradients: readonly Tensor[]) => readonly Tensor[] = (gradients) => gradients
  readonly #name: string
  readonly #slots: ReadonlyMap<string, readonly Tensor[]>
  #lr = 0
  #momentum: number | null = null
  #steps = 0
  #busy = false

  /**
   * @param name what messages call it
   * @throws ValueError where there are no parameters, one is listed twice or is not a leaf, or `lr` or `momentum` is
   * out of range.
   */
  protected constructor(
    name: string,
    parameters: readonly Tensor[],
    { lr, momentum, slots, start = 0 }: Common,
  ) {
    if (parameters.length === 0)
      throw new ValueError(`${name}: there is nothing to train, got no parameters. Give model.parameters().`)
    parameters.forEach((p, i) => {
      if (!(p instanceof Tensor) || p.op || p.dtype !== 'float')
        throw new ValueError(
          `${name}: parameters must be float leaves, got ${p} at index ${i}. Give model.parameters().`,
        )
      const first = parameters.indexOf(p)
      if (first !== i)
        throw new ValueError(
          `${name}: a parameter is listed twice, got ${p} at indices ${first} and ${i}. List each once.`,
        )
    })
    this.#name = name
    this.parameters = [...parameters]
    this.#slots = new Map(slots.map((slot) => [slot, parameters.map((p) => full(p.shape, start))]))
    this.lr = lr
    this.#momentum = momentum
    if (momentum !== null) this.momentum = momentum
  }

  /** The learning rate, to be set at will: a new one compiles nothing. */
  get lr(): number {
    return this.#lr
  }

  set lr(value: number) {
    checkSetting(this.#name, 'lr', value, 'at least 0')
    this.#lr = value
  }

  /**
   * Share of the last step's direction that the next one keeps (`momentum`; `betas[0]` of Adam and AdamW), to be set at
   * will, as a one-cycle schedule does. 0 where there is none; then it cannot be set.
   */
  get momentum(): number {
    return this.#momentum ?? 0
  }

  set momentum(value: number) {
    if (this.#momentum === null)
      throw new ValueError(
        `${this.#name}: it was made without momentum, got ${value} for it. Make it with some.`,
      )
    checkSetting(this.#name, 'momentum', value, 'at least 0 and below 1')
    this.#momentum = value
  }

  /** Steps taken. */
  get steps(): number {
    return this.#steps
  }

  /** The new values of parameters and slots, as graph, from one gradient per parameter. `this.steps` counts before it. */
  protected abstract update(gradients: readonly Tensor[]): Assignment[]

  /** Whether it was made with this slot. */
  protected remembers(slot: string): boolean {
    return this.#slots.has(slot)
  }

  /** A slot's tensor for parameter `i`. */
  protected slot(name: string, i: number): Tensor {
    return this.#slots.get(name)![i]!
  }

  /**
   * One step on the scalar `loss`. When it returns the parameters have their new values, running statistics that the
   * loss's forward pass moved have theirs, and `loss` and `also` (terms of the loss, logits) hold what they were before
   * the step. Anything else of that graph would be computed from the new parameters: name it in `also`, or build anew.
   *
   * @throws ShapeError where `loss` is not a scalar.
   * @throws ValueError where it depends on no parameter, was stepped on before, or a step is still running.
   */
  async step(loss: Tensor, ...also: readonly AnyTensor[]): Promise<void> {
    await this.#stepOn(loss, (gradients, updates) => this.#apply(gradients, updates, [loss, ...also], null))
  }

  /**
   * As `step`, but where the loss or a gradient is NaN or infinite all stays as it was, so that the cause can be looked
   * for. The loss and `terms`, scalars, come back as numbers: all in one read, before anything moves.
   */
  async stepIfFinite(loss: Tensor, ...terms: readonly Tensor[]): Promise<GuardedStep> {
    const step = { stepped: false, loss: Number.NaN, terms: [] as readonly number[] }
    await this.#stepOn(loss, async (gradients, updates) => {
      const scalars = [finiteIn(loss, gradients), loss, ...terms]
      const report = cat(scalars.map((scalar) => scalar.reshape([1])))
      step.stepped = await this.#apply(gradients, updates, [loss, ...terms, report], async () => {
        const [guard, value, ...others] = await report.data()
        step.loss = value!
        step.terms = others
        return Number.isFinite(guard)
      })
      return step.stepped
    })
    return step
  }

  async #stepOn(
    loss: Tensor,
    apply: (gradients: readonly Tensor[], updates: readonly Assignment[]) => Promise<boolean>,
  ): Promise<void> {
    if (loss.size !== 1)
      throw new ShapeError(
        `${this.#name}: the loss must be a scalar, got ${show(loss.shape)}. Reduce it first, for example loss.mean().`,
      )
    if (stepped.has(loss))
      throw new ValueError(
        `${this.#name}: this loss was stepped on before, got ${loss} again. Run forward anew; give all parameters to one optimizer.`,
      )
    const nodes = topological([loss])
    const reached = new Set<AnyTensor>(nodes)
    if (!this.parameters.some((p) => reached.has(p)))
      throw new ValueError(
        `${this.#name}: the loss depends on none of the parameters, got ${loss}. Compute it from the model that is trained.`,
      )
    const gradients = this.clip(grad(loss, this.parameters))
    if (!(await apply(gradients, updatesOf(nodes)))) return
    settle(nodes)
    stepped.add(loss)
  }

  /**
   * One step with gradients from elsewhere, one per parameter: clipped or accumulated ones, say. Running statistics
   * stay as they are.
   *
   * @throws ShapeError where they do not fit the parameters. @throws ValueError where a step is still running.
   */
  async stepWith(gradients: readonly Tensor[], ...also: readonly AnyTensor[]): Promise<void> {
    const bad = this.parameters.findIndex((p, i) => !gradients[i] || !sameShape(p.shape, gradients[i].shape))
    if (bad >= 0 || gradients.length !== this.parameters.length)
      throw new ShapeError(
        `${this.#name}: the gradients do not fit the parameters, got ${gradients.map((g) => show(g.shape)).join(', ')} for ${this.parameters.map((p) => show(p.shape)).join(', ')}. Give one per parameter, in order.`,
      )
    await this.#apply(gradients, [], also, null)
  }

  async #apply(
    gradients: readonly Tensor[],
    updates: readonly Assignment[],
    also: readonly AnyTensor[],
    mayMove: (() => Promise<boolean>) | null,
  ): Promise<boolean> {
    if (this.#busy)
      throw new ValueError(`${this.#name}: a step is still running, got another. Await each step.`)
    this.#busy = true
    try {
      const assignments = [...this.update(gradients), ...updates]
      await realize(...also, ...assignments.map(([, value]) => value))
      if (mayMove && !(await mayMove())) return false
      // Waiting for a collection would let the computed values pile up.
      for (const [target, value] of assignments) handOver(target, value)
      this.#steps++
      return true
    } finally {
      this.#busy = false
    }
  }

  /** What it remembers, as it is now: later steps do not change it. */
  state(): OptimizerState {
    const tensors = [...this.#tensors()].map(([name, tensor]) => [name, snapshot(tensor)] as const)
    return { steps: this.#steps, tensors: new Map(tensors) }
  }

  /**
   * Goes on from `state`.
   *
   * @throws DataError where it belongs to another optimiser or other parameters; then nothing is changed.
   */
  loadState({ steps, tensors }: OptimizerState): void {
    const mine = this.#tensors()
    const fits = [...mine].filter(([name, t]) => sameShape(t.shape, tensors.get(name)?.shape ?? [-1]))
    const foreign = [...tensors.keys()].filter((name) => !mine.has(name))
    const lacking = [...mine.keys()].filter((name) => !fits.some(([fit]) => fit === name))
    if (!Number.isInteger(steps) || steps < 0 || foreign.length + lacking.length > 0)
      throw new DataError(
        `${this.#name}: the state is another optimizer's, got ${steps} steps; missing or misshapen ${lacking.join(', ') || 'none'}; unexpected ${foreign.join(', ') || 'none'}. Load what state() gave for the same parameters and settings.`,
      )
    for (const [name, target] of fits) assign(target, tensors.get(name)!)
    this.#steps = steps
  }

  #tensors(): Map<string, Tensor> {
    return new Map(
      [...this.#slots].flatMap(([slot, tensors]) => tensors.map((t, i) => [`${i}.${slot}`, t] as const)),
    )
  }
}

/** A number that is finite where the loss and all gradients are. */
const finiteIn = (loss: Tensor, gradients: readonly Tensor[]): Tensor =>
  gradients.reduce((sum, g) => sum.add(g.mul(0).sum()), loss.mul(0))
