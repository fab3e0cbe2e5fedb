import { readsPlace } from '../../device/coordinates.ts'
import type { FusedKernel, FusedValue, Level, Store } from '../../device/kernel.ts'
import { type Shape, sameShape, sizeOf } from '../../shape.ts'
import { contiguous, expandView, isContiguous, reshapeView, type View } from '../../view.ts'
import type { Operand, Slots } from './lower.ts'

/** Most values that are worked out again for one array, and most other arrays that are read for it. */
const MOST_VALUES = 6
const MOST_ARRAYS = 2

/**
 * Large arrays that one joined kernel makes for others out of what is there anyway, by cheap maths, are worked out again
 * where they are read: reading and writing them costs more. What remains of `relu` and of a normalisation for the
 * gradient is so: a comparison, a difference and a product. Arrays of fewer than `least` elements are left alone.
 */
export function recomputed(steps: readonly Slots[], outputs: readonly number[], least: number): Slots[] {
  const pass = new Pass(steps, outputs, least)
  for (let i = 0; i < steps.length; i++) pass.visit(i)
  return pass.steps
}

/** What must be read, and worked out, to have a value once more. */
interface Recipe {
  readonly reads: Map<string, Operand>
  readonly values: {
    readonly expr: string
    readonly args: readonly (string | number)[]
    readonly of: number
  }[]
  readonly newStores: Map<number, number>
}

class Pass {
  readonly steps: Slots[]
  readonly #kept: Set<number>
  readonly #users = new Map<number, Set<number>>()
  readonly #least: number
  #next: number

  constructor(steps: readonly Slots[], outputs: readonly number[], least: number) {
    this.#least = least
    this.steps = [...steps]
    this.#kept = new Set(outputs)
    this.#next = 1 + Math.max(-1, ...steps.flatMap(({ outs }) => outs))
    steps.forEach((step, i) => {
      for (const o of step.inputs) {
        if (!('slot' in o)) continue
        this.#users.set(o.slot, (this.#users.get(o.slot) ?? new Set()).add(i))
        if (step.kernel.kind !== 'fused') this.#kept.add(o.slot)
      }
    })
  }

  visit(i: number): void {
    for (const slot of this.steps[i]!.outs) this.#drop(i, slot)
  }

  /** Has all users of the slot work it out themselves, where all can. */
  #drop(i: number, slot: number): void {
    const { kernel, outs } = this.steps[i]!
    if (kernel.kind !== 'fused' || this.#kept.has(slot)) return
    const store = kernel.stores[outs.indexOf(slot)]!
    if (store.level !== 'element' || sizeOf(kernel.out) < this.#least) return
    const recipe = this.#recipe(this.steps[i]!, kernel, store.value)
    if (!recipe) return
    const users = [...this.#users.get(slot)!]
    const changed = users.map((user) => withRecipe(this.steps[user]!, slot, kernel.out, recipe))
    if (changed.some((step) => step === null)) return
    users.forEach((user, k) => {
      this.steps[user] = changed[k]!
      for (const o of changed[k]!.inputs)
        if ('slot' in o) this.#users.set(o.slot, (this.#users.get(o.slot) ?? new Set()).add(user))
    })
    this.steps[i] = without(this.steps[i]!, kernel, slot, recipe.newStores)
  }

  #recipe({ inputs, outs }: Slots, kernel: FusedKernel, wanted: number): Recipe | null {
    const levels = levelsOf(kernel)
    const recipe: Recipe = { reads: new Map(), values: [], newStores: new Map() }
    const seen = new Set<number>()
    let arrays = 0
    const read = (key: string, o: Operand): boolean => {
      if (!recipe.reads.has(key) && 'slot' in o && moves(o.view)) arrays++
      recipe.reads.set(key, o)
      return arrays <= MOST_ARRAYS
    }
    const have = (operand: number): boolean => {
      if (seen.has(operand)) return true
      seen.add(operand)
      if (operand < inputs.length) return read(`${operand}`, inputs[operand]!)
      const at = kernel.stores.findIndex(({ value }) => value === operand)
      const storedIn = at < 0 ? undefined : outs[at]!
      if (operand !== wanted && storedIn !== undefined && this.#kept.has(storedIn))
        return kernel.stores[at]!.level === 'element'
          ? read(`${operand}`, { slot: storedIn, view: contiguous(kernel.out) })
          : false
      if (levels[operand] === 'all') return false
      if (levels[operand] === 'row') {
        const byRow = at >= 0 && kernel.stores[at]!.level === 'row' ? storedIn : undefined
        return this.#readRow(kernel, operand, byRow, recipe, read)
      }
      const value = kernel.values[operand - inputs.length]!
      if (value.kind === 'reduce' || !isCheap(value) || recipe.values.length === MOST_VALUES) return false
      if (!value.args.every(have)) return false
      recipe.values.push({ expr: value.expr, args: value.args, of: operand })
      return recipe.values.length <= MOST_VALUES
    }
    return have(wanted) ? recipe : null
  }

  #readRow(
    { out, dims }: FusedKernel,
    operand: number,
    storedIn: number | undefined,
    { newStores }: Recipe,
    read: (key: string, o: Operand) => boolean,
  ): boolean {
    const slot = storedIn ?? newStores.get(operand) ?? this.#next++
    if (storedIn === undefined) newStores.set(operand, slot)
    const rows = out.map((n, d) => (dims.includes(d) ? 1 : n))
    return read(`${operand}`, { slot, view: expandView(contiguous(rows), out) })
  }
}

const isCheap = ({ expr }: Extract<FusedValue, { kind: 'map' }>): boolean =>
  expr.length <= 60 && !readsPlace(expr) && !/[a-z]\w+\(/.test(expr.replaceAll('Math.abs(', '('))

/** Whether the view reads more than a row's worth: some stride along every dim that has a size. */
const moves = ({ shape, strides }: View): boolean => shape.every((n, d) => n === 1 || strides[d] !== 0)

function levelsOf({ inputs, values, dims, out }: FusedKernel): Level[] {
  const order: readonly Level[] = ['all', 'row', 'element']
  const levels = inputs.map((view): Level => {
    if (!view) return 'row'
    const still = dims.length > 0 && dims.every((d) => out[d] === 1 || view.strides[d] === 0)
    return still && !view.mask ? 'row' : 'element'
  })
  for (const value of values)
    levels.push(
      value.kind === 'reduce'
        ? value.to
        : readsPlace(value.expr)
          ? 'element'
          : order[
              Math.max(...value.args.map((arg) => order.indexOf(levels[arg]!)), dims.length > 0 ? 1 : 2)
            ]!,
    )
  return levels
}

/** The step with the value of `slot` worked out by the recipe; null where it cannot be read so. */
function withRecipe(step: Slots, slot: number, space: Shape, recipe: Recipe): Slots | null {
  const { kernel } = step
  if (kernel.kind !== 'fused' || sizeOf(kernel.out) !== sizeOf(space)) return null
  const links = step.inputs.flatMap((o, i) => ('slot' in o && o.slot === slot ? [i] : []))
  if (!links.every((i) => isContiguous(kernel.inputs[i]!))) return null
  const kept = step.inputs.flatMap((_, i) => (links.includes(i) ? [] : [i]))
  const inputs = kept.map((i) => step.inputs[i]!)
  const places = new Map<string, number>()
  for (const [key, o] of recipe.reads) {
    const moved = 'slot' in o ? over(o, kernel.out) : o
    if (!moved) return null
    const known = inputs.findIndex((other) => JSON.stringify(other) === JSON.stringify(moved))
    places.set(key, known >= 0 ? known : inputs.push(moved) - 1)
  }
  const values: FusedValue[] = []
  for (const { expr, args, of } of recipe.values) {
    values.push({ kind: 'map', expr, args: args.map((arg) => places.get(`${arg}`)!) })
    places.set(`${of}`, inputs.length + values.length - 1)
  }
  const made = inputs.length + values.length - 1
  const renumbered = (operand: number): number => {
    if (links.includes(operand)) return made
    if (operand < step.inputs.length) return kept.indexOf(operand)
    return operand - step.inputs.length + inputs.length + recipe.values.length
  }
  for (const value of kernel.values)
    values.push(
      value.kind === 'map'
        ? { ...value, args: value.args.map(renumbered) }
        : { ...value, arg: renumbered(value.arg) },
    )
  const stores = kernel.stores.map((store): Store => ({ ...store, value: renumbered(store.value) }))
  return {
    outs: step.outs,
    inputs,
    kernel: { ...kernel, inputs: inputs.map((o) => ('slot' in o ? o.view : null)), values, stores },
  }
}

function over(o: Extract<Operand, { slot: number }>, space: Shape): Operand | null {
  const view = sameShape(o.view.shape, space) ? o.view : reshapeView(o.view, space)
  return view && { slot: o.slot, view }
}

/** The step without the store of `slot` and all that only it needed, and with these stores of rows. */
function without(step: Slots, kernel: FusedKernel, slot: number, more: ReadonlyMap<number, number>): Slots {
  const at = step.outs.indexOf(slot)
  const stores = [
    ...kernel.stores.filter((_, i) => i !== at),
    ...[...more.keys()].map((value): Store => ({ value, level: 'row' })),
  ]
  return pruned({
    ...step,
    outs: [...step.outs.filter((out) => out !== slot), ...more.values()],
    kernel: { ...kernel, stores },
  })
}

/** Without inputs and values that no store needs. */
function pruned(step: Slots): Slots {
  const kernel = step.kernel as FusedKernel
  const needed = new Set(kernel.stores.map(({ value }) => value))
  const count = step.inputs.length
  for (let i = kernel.values.length - 1; i >= 0; i--) {
    const value = kernel.values[i]!
    if (!needed.has(count + i)) continue
    for (const operand of value.kind === 'map' ? value.args : [value.arg]) needed.add(operand)
  }
  const order = [...needed].sort((a, b) => a - b)
  const renumbered = (operand: number) => order.indexOf(operand)
  const inputs = step.inputs.filter((_, i) => needed.has(i))
  return {
    outs: step.outs,
    inputs,
    kernel: {
      ...kernel,
      inputs: inputs.map((o) => ('slot' in o ? o.view : null)),
      values: kernel.values.flatMap((value, i): FusedValue[] => {
        if (!needed.has(count + i)) return []
        return value.kind === 'map'
          ? [{ ...value, args: value.args.map(renumbered) }]
          : [{ ...value, arg: renumbered(value.arg) }]
      }),
      stores: kernel.stores.map((store) => ({ ...store, value: renumbered(store.value) })),
    },
  }
}
