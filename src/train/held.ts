import { DataError } from '../errors.ts'
import { snapshot } from '../graph/assign.ts'
import { Dropout } from '../nn/layers/dropout.ts'
import type { Module } from '../nn/module.ts'
import type { Tensor } from '../tensor.ts'

/** All that modules hold: what a checkpoint keeps of them. */
export interface Held {
  /** What each module's state dict holds, its names behind the module's number. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Masks that each dropout has drawn. */
  readonly dropouts: Readonly<Record<string, number>>
}

export function heldBy(modules: readonly Module[]): Held {
  const tensors = [...tensorsIn(modules)].map(([name, tensor]) => [name, snapshot(tensor)] as const)
  return { tensors: new Map(tensors), dropouts: drawnBy(modules) }
}

/** Masks that each dropout of the modules has drawn. */
export const drawnBy = (modules: readonly Module[]): Held['dropouts'] =>
  Object.fromEntries([...dropoutsOf(modules)].map(([name, dropout]) => [name, dropout.calls]))

/** The tensors themselves, which change with every step, by the names of `Held`. */
export const tensorsIn = (modules: readonly Module[]): Map<string, Tensor> =>
  new Map(
    modules.flatMap((module, i) =>
      [...module.namedParameters(), ...module.namedBuffers()].map(
        ([name, tensor]) => [`${i}.${name}`, tensor] as const,
      ),
    ),
  )

/**
 * Gives the modules what `heldBy` gave of others like them.
 *
 * @throws DataError where they are not alike.
 */
export function hold(modules: readonly Module[], { tensors, dropouts }: Held): void {
  modules.forEach((module, i) => {
    const own = [...tensors].filter(([name]) => name.startsWith(`${i}.`))
    module.loadStateDict(new Map(own.map(([name, tensor]) => [name.slice(`${i}.`.length), tensor])))
  })
  for (const [name, dropout] of dropoutsOf(modules)) {
    const calls = dropouts[name]
    if (calls === undefined)
      throw new DataError(
        `checkpoint: it knows no dropout ${name}, got ${Object.keys(dropouts).join(', ') || 'none'}. Use the one of the same model.`,
      )
    dropout.calls = calls
  }
}

function dropoutsOf(modules: readonly Module[]): Map<string, Dropout> {
  const found = new Map<string, Dropout>()
  modules.forEach((module, i) => {
    for (const [path, part] of module.namedModules())
      if (part instanceof Dropout) found.set(`${i}.${path}`, part)
  })
  return found
}
