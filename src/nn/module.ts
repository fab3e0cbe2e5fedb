import '../ops/methods.ts'
import { DataError, show, ValueError } from '../errors.ts'
import { assign, snapshot } from '../graph/assign.ts'
import { sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** What did not fit when a state was loaded. */
export interface LoadReport {
  /** Entries the module has and the state lacks. */
  readonly missing: readonly string[]
  /** Entries the state has and the module lacks. */
  readonly unexpected: readonly string[]
  /** Entries of another shape than the module's. */
  readonly misshapen: readonly { readonly name: string; readonly got: string; readonly wanted: string }[]
}

/**
 * A part of a network that owns tensors: parameters, which are trained; buffers, which are state that is not (running
 * statistics); and further modules. They are registered by name where they are made, and not by being put into a field:
 *
 *     class Head extends Module {
 *       readonly fc: Linear
 *       constructor(random: Random) {
 *         super()
 *         this.fc = this.child('fc', new Linear(64, 10, { random }))
 *       }
 *     }
 *
 * Parameters and buffers are leaves whose values an optimiser replaces; no graph of a step hangs on to them.
 */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>()
  readonly #buffers = new Map<string, Tensor>()
  readonly #children = new Map<string, Module>()
  #training = true

  /** Whether `forward` behaves as in training: batch statistics, dropout. */
  get training(): boolean {
    return this.#training
  }

  protected parameter(name: string, values: Tensor): Tensor {
    return this.#register(this.#parameters, name, values)
  }

  protected buffer(name: string, values: Tensor): Tensor {
    return this.#register(this.#buffers, name, values)
  }

  protected child<M extends Module>(name: string, module: M): M {
    return this.#register(this.#children, name, module)
  }

  #register<T extends Tensor | Module, U extends T>(into: Map<string, T>, name: string, item: U): U {
    if (this.#parameters.has(name) || this.#buffers.has(name) || this.#children.has(name))
      throw new ValueError(`Module: there is an entry ${name} already, got it twice. Choose another name.`)
    into.set(name, item)
    return item
  }

  /** Every module by its path, this one first under the empty name. */
  namedModules(): Map<string, Module> {
    this.#checkFields()
    const found = new Map<string, Module>([['', this]])
    for (const [name, child] of this.#children)
      for (const [path, module] of child.namedModules()) found.set(join(name, path), module)
    return found
  }

  /** A module in a field that nobody registered would never be trained, saved or put into evaluation mode. */
  #checkFields(): void {
    const known = new Set(this.#children.values())
    for (const [name, value] of Object.entries(this))
      for (const item of Array.isArray(value) ? value : [value])
        if (item instanceof Module && !known.has(item))
          throw new ValueError(
            `Module: ${this.constructor.name} holds a module that is not registered, got ${item.constructor.name} in the field ${name}. Write this.child('${name}', ...) around it.`,
          )
  }

  /** Every trained tensor by its PyTorch name, for example `conv1.weight`. */
  namedParameters(): Map<string, Tensor> {
    return this.#collect((module) => module.#parameters)
  }

  /** Every tensor of state that is not trained, for example `bn1.running_mean`. */
  namedBuffers(): Map<string, Tensor> {
    return this.#collect((module) => module.#buffers)
  }

  #collect(own: (module: Module) => ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    const found = new Map<string, Tensor>()
    for (const [path, module] of this.namedModules())
      for (const [name, tensor] of own(module)) found.set(join(path, name), tensor)
    return found
  }

  /** Every trained tensor: what an optimiser takes. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** How many numbers are trained. */
  parameterCount(): number {
    return this.parameters().reduce((sum, p) => sum + p.size, 0)
  }

  /** Parameters and buffers by PyTorch's names, with the values they have now: later steps do not change these. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.#state()].map(([name, tensor]) => [name, snapshot(tensor)]))
  }

  #state(): Map<string, Tensor> {
    return this.#collect((module) => new Map([...module.#parameters, ...module.#buffers]))
  }

  /**
   * Takes over the values of `state`, such as another module's `stateDict()`. With `strict: false` what fits is loaded
   * and the rest reported; otherwise nothing is loaded unless everything fits. PyTorch's `num_batches_tracked`, which
   * nothing here reads, is passed over.
   *
   * @throws DataError where entries are missing, unexpected or misshapen, naming each.
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor>,
    { strict = true }: { readonly strict?: boolean } = {},
  ): LoadReport {
    const mine = this.#state()
    const theirs = [...state].filter(([name]) => !/(^|\.)num_batches_tracked$/.test(name))
    const fits = theirs.filter(([name, t]) => mine.has(name) && sameShape(t.shape, mine.get(name)!.shape))
    const report: LoadReport = {
      missing: [...mine.keys()].filter((name) => !state.has(name)),
      unexpected: theirs.flatMap(([name]) => (mine.has(name) ? [] : [name])),
      misshapen: theirs.flatMap(([name, t]) => {
        const wanted = mine.get(name)?.shape
        return !wanted || sameShape(t.shape, wanted)
          ? []
          : [{ name, got: show(t.shape), wanted: show(wanted) }]
      }),
    }
    const faults = describe(report)
    if (strict && faults)
      throw new DataError(
        `loadStateDict: the entries do not fit the model, got ${faults}. Load the state of the same model, or pass { strict: false } to load what fits.`,
      )
    for (const [name, values] of fits) assign(mine.get(name)!, values)
    return report
  }

  /** Training mode (or, with false, evaluation mode) for this module and all below. */
  train(training = true): this {
    for (const module of this.namedModules().values()) module.#training = training
    return this
  }

  /** Evaluation mode: running statistics, no dropout. */
  eval(): this {
    return this.train(false)
  }
}

const join = (path: string, name: string) => (path && name ? `${path}.${name}` : path || name)

function describe({ missing, unexpected, misshapen }: LoadReport): string {
  const parts = [
    missing.length > 0 ? `missing ${missing.join(', ')}` : '',
    unexpected.length > 0 ? `unexpected ${unexpected.join(', ')}` : '',
    misshapen.length > 0
      ? `misshapen ${misshapen.map((m) => `${m.name} ${m.got} for ${m.wanted}`).join(', ')}`
      : '',
  ]
  return parts.filter((part) => part !== '').join('; ')
}
