import { DataError } from '../errors.ts'
import { Dropout } from '../nn/layers/dropout.ts'
import type { Module } from '../nn/module.ts'
import type { Tensor } from '../tensor.ts'

/** All that modules hold: what a checkpoint keeps of them. */
export interface Held {
  /** The state dict of each module, its names behind the module's number. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Masks that each dropout has drawn. */
  readonly dropouts: Readonly<Record<string, number>>
}

export function heldBy(modules: readonly Module[]): Held {
  const tensors = modules.flatMap((module, i) =>
    [...module.stateDict()].map(([name, tensor]) => [`${i}.${name}`, tensor] as const),
  )
  const drawn = [...dropoutsOf(modules)].map(([name, dropout]) => [name, dropout.calls] as const)
  return { tensors: new Map(tensors), dropouts: Object.fromEntries(drawn) }
}

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
