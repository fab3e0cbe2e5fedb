import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from '../data/safetensors.ts'
import { DataError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import type { ExperimentState, RunRecord } from './distill.ts'
import { entryOf, tensorOf } from './entries.ts'
import type { AverageState, Best, FitState } from './fit-state.ts'

/** Raised where older files can no longer be read. */
const FORMAT = '1'

/** What names of tensors begin with in the file. */
const PARTS = ['held', 'optimizer', 'average', 'best'] as const
type Part = (typeof PARTS)[number]
type Tensors = ReadonlyMap<string, Tensor>

/** An experiment's state as a safetensors file: tensors by part and name, and all else as JSON in its metadata. */
export async function encodeCheckpoint({ finished, current }: ExperimentState): Promise<Uint8Array> {
  const entries = new Map<string, SafetensorsEntry>()
  const add = async (part: Part, tensors: Tensors | undefined) => {
    for (const [name, values] of tensors ?? []) entries.set(`${part}/${name}`, await entryOf(values))
  }
  const fit = current?.fit
  await add('held', fit?.held.tensors)
  await add('optimizer', fit?.optimizer.tensors)
  await add('average', fit?.average?.tensors)
  await add('best', fit?.best?.tensors)
  const plain: Plain = { finished, ...(current && fit ? { current: { ...current, fit: plainOf(fit) } } : {}) }
  return encodeSafetensors(entries, { format: FORMAT, state: JSON.stringify(plain) })
}

/**
 * Reads what `encodeCheckpoint` wrote; `name` is what messages call the file.
 *
 * @throws DataError where it is damaged or of another version.
 */
export function decodeCheckpoint(bytes: Uint8Array, name: string): ExperimentState {
  const { tensors, metadata } = decodeSafetensors(bytes, name)
  if (metadata.format !== FORMAT || metadata.state === undefined)
    throw new DataError(
      `checkpoint: ${name} is of another version, got format ${metadata.format ?? 'none'}. Use the version of kdgrad that wrote it, or start anew.`,
    )
  const parts = new Map<string, Map<string, Tensor>>(PARTS.map((part) => [part, new Map()]))
  for (const [key, entry] of tensors) {
    const slash = key.indexOf('/')
    parts.get(key.slice(0, slash))?.set(key.slice(slash + 1), tensorOf(entry))
  }
  const { finished, current } = JSON.parse(metadata.state) as Plain
  if (!current) return { finished }
  const { optimizer, average, best, dropouts, ...rest } = current.fit
  const of = (part: Part): Tensors => parts.get(part)!
  const fit: FitState = {
    ...rest,
    held: { tensors: of('held'), dropouts },
    optimizer: { ...optimizer, tensors: of('optimizer') },
    average: average && { ...average, tensors: of('average') },
    best: best && { ...best, tensors: of('best') },
  }
  return { finished, current: { ...current, fit } }
}

type Without<T> = Omit<T, 'tensors'>

/** A fit's state without its tensors. */
interface PlainFit extends Omit<FitState, 'held' | 'optimizer' | 'average' | 'best'> {
  readonly dropouts: FitState['held']['dropouts']
  readonly optimizer: Without<FitState['optimizer']>
  readonly average?: Without<AverageState> | undefined
  readonly best?: Without<Best> | undefined
}

interface Plain {
  readonly finished: readonly RunRecord[]
  readonly current?: Omit<NonNullable<ExperimentState['current']>, 'fit'> & { readonly fit: PlainFit }
}

function plainOf({ held, optimizer, average, best, ...rest }: FitState): PlainFit {
  const without = <T extends { readonly tensors: Tensors }>({ tensors: _, ...other }: T) => other
  return {
    ...rest,
    dropouts: held.dropouts,
    optimizer: without(optimizer),
    average: average && without(average),
    best: best && without(best),
  }
}
