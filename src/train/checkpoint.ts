import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from '../data/safetensors.ts'
import { DataError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { entryOf, tensorOf } from './entries.ts'
import type { ExperimentState, RunRecord } from './experiment.ts'
import type { AverageState, Best, FitState } from './fit-state.ts'

/** Raised where older files can no longer be read. */
const FORMAT = '3'

/** What names of tensors begin with in the file. */
const PARTS = ['held', 'optimizer', 'average', 'best'] as const
type Part = (typeof PARTS)[number]
type Tensors = ReadonlyMap<string, Tensor>

/**
 * An experiment's state as a safetensors file: tensors by part and name, and all else as JSON in its metadata.
 *
 * @param experiment what it is the state of: a text that only the same experiment has
 */
export async function encodeCheckpoint(
  { finished, current }: ExperimentState,
  experiment: string,
): Promise<Uint8Array> {
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
  const state = JSON.stringify(plain)
  return encodeSafetensors(entries, {
    format: FORMAT,
    state,
    experiment: await digestOf(experiment),
    sum: await sumOf(state, entries),
  })
}

/**
 * Reads what `encodeCheckpoint` wrote for this experiment; `name` is what messages call the file.
 *
 * @throws DataError where it is damaged, of another version, or of another experiment.
 */
export async function decodeCheckpoint(
  bytes: Uint8Array,
  name: string,
  experiment: string,
): Promise<ExperimentState> {
  const { tensors, metadata } = decodeSafetensors(bytes, name)
  const refuse = (what: string, got: string, remedy: string): never => {
    throw new DataError(`checkpoint: ${name} ${what}, got ${got}. ${remedy}.`)
  }
  if (metadata.format !== FORMAT)
    refuse(
      'is of another version',
      `format ${metadata.format ?? 'none'}`,
      'Use the version of kdgrad that wrote it, or start anew',
    )
  const { state = '' } = metadata
  if (metadata.sum !== (await sumOf(state, tensors)))
    refuse('is damaged', 'another sum than it says', 'Start the run anew')
  if (metadata.experiment !== (await digestOf(experiment)))
    refuse(
      'is of another experiment',
      'a configuration or version that is not the one it was written under',
      'Put config.json back as it was, or start a new run',
    )
  const parts = new Map<string, Map<string, Tensor>>(PARTS.map((part) => [part, new Map()]))
  for (const [key, entry] of tensors) {
    const slash = key.indexOf('/')
    parts.get(key.slice(0, slash))?.set(key.slice(slash + 1), tensorOf(entry))
  }
  const { finished, current } = JSON.parse(state) as Plain
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

/** SHA-256 in hexadecimal. */
async function digestOf(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Of all that is in a checkpoint: the format itself has no sum. */
async function sumOf(state: string, entries: ReadonlyMap<string, SafetensorsEntry>): Promise<string> {
  const names = [...entries.keys()].sort()
  const sums: string[] = [state]
  for (const name of names) {
    const { shape, data } = entries.get(name)!
    sums.push(name, shape.join(), await digestOf(new Uint8Array(data.slice().buffer)))
  }
  return digestOf(sums.join('\n'))
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
