import { argsOf, costOf, type Program, reachable, valueAt } from './program.ts'

/** Passes over the elements of a row, one after the other, each needing row values of the ones before. */
export interface Passes {
  readonly passes: readonly Pass[]
  /** Reductions of row values over all rows, and numbers of the stores of rows: done after the last pass. */
  readonly after: { readonly reduces: readonly number[]; readonly stores: readonly number[] }
  /** Numbers of the stores of what is reduced over everything. */
  readonly end: readonly number[]
}

export interface Pass {
  /** Values that are reductions of elements. */
  readonly reduces: readonly number[]
  /** Numbers of the stores. */
  readonly stores: readonly number[]
  /** Values to keep for later passes in scratch memory. */
  readonly keeps: readonly number[]
  /** Values that an earlier pass kept or stored. */
  readonly kept: ReadonlySet<number>
  /** Operands that this pass needs, those included. */
  readonly needs: ReadonlySet<number>
}

/** Up to this many instructions are rather done again in a later pass than stored and loaded. */
const CHEAP = 4

/** `lane` is the dim along which vectors lie; `scratch` the most values that may be kept in scratch memory. */
export function passesOf(program: Program, lane: number, scratch: number): Passes {
  const { kernel, live } = program
  const first = kernel.inputs.length
  const valuesWhere = (test: (operand: number) => boolean) =>
    kernel.values.flatMap((_, v) => (live.has(first + v) && test(first + v) ? [first + v] : []))
  const reductions = valuesWhere((id) => valueAt(kernel, id)!.kind === 'reduce')
  const fromElements = (id: number) => {
    const value = valueAt(kernel, id)
    return value?.kind === 'reduce' && value.from === 'element'
  }
  const storesAt = (test: (level: string) => boolean) =>
    kernel.stores.flatMap(({ level }, s) => (test(level) ? [s] : []))

  /** The first pass in which an operand can be had. */
  const ready: number[] = []
  for (let id = 0; id < first + kernel.values.length; id++) {
    const value = valueAt(kernel, id)
    const args = argsOf(kernel, id).map((arg) => ready[arg]!)
    ready.push(Math.max(0, ...args) + (value?.kind === 'reduce' && value.to === 'row' ? 1 : 0))
  }
  const elementStores = storesAt((level) => level === 'element')
  const passOf = (id: number) => (fromElements(id) ? ready[argsOf(kernel, id)[0]!]! : -1)
  const passOfStore = (s: number) => ready[kernel.stores[s]!.value]!
  const count = 1 + Math.max(-1, ...reductions.map(passOf), ...elementStores.map(passOfStore))

  const made = new Set<number>()
  const kept = new Set<number>()
  const isReduction = (id: number) => valueAt(kernel, id)?.kind === 'reduce'
  const isStored = (id: number) => elementStores.some((s) => kernel.stores[s]!.value === id)
  const perElement = (id: number) =>
    program.along[id]!.has(lane) && [...program.along[id]!].some((d) => program.space.dims[d]!.reduced)
  /** What it takes to have a value again, from what is kept and from memory. */
  const costAgain = (id: number): number =>
    [...reachable(kernel, [id], (other) => other !== id && (kept.has(other) || !perElement(other)))]
      .filter((other) => other === id || !kept.has(other))
      .reduce((sum, other) => sum + (perElement(other) ? costOf(kernel, other) : 0), 0)
  const isKept = (id: number) => {
    if (!made.has(id) || isReduction(id) || valueAt(kernel, id) === null || !perElement(id)) return false
    if (kept.has(id)) return true
    if (isStored(id) ? costAgain(id) <= 1 : costAgain(id) <= CHEAP || inScratch === scratch) return false
    kept.add(id)
    if (!isStored(id)) inScratch++
    return true
  }
  let inScratch = 0
  const plans = Array.from({ length: count }, (_, p) => {
    const reduces = reductions.filter((id) => passOf(id) === p)
    const stores = elementStores.filter((s) => passOfStore(s) === p)
    const roots = [
      ...reduces.map((id) => argsOf(kernel, id)[0]!),
      ...stores.map((s) => kernel.stores[s]!.value),
    ]
    const needs = reachable(kernel, roots, (id) => isKept(id) || isReduction(id))
    const from = new Set([...needs].filter((id) => kept.has(id) && made.has(id)))
    for (const id of needs) made.add(id)
    return { reduces, stores, needs, kept: from }
  })
  const keptFrom = (p: number) => new Set(plans.slice(p + 1).flatMap((plan) => [...plan.kept]))
  return {
    passes: plans.map((plan, p) => ({
      ...plan,
      keeps: [...plan.needs].filter((id) => keptFrom(p).has(id) && !plan.kept.has(id) && !isStored(id)),
    })),
    after: {
      reduces: reductions.filter((id) => !fromElements(id)),
      stores: storesAt((level) => level === 'row'),
    },
    end: storesAt((level) => level === 'all'),
  }
}
