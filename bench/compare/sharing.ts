import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDevice } from '../../src/device/open.ts'
import { device as choose } from '../../src/index.ts'
import { meanError, worstError } from '../check.ts'
import type { Definition } from '../definition.ts'
import { tasks } from '../tasks.ts'
import { type Child, ParticipantError } from './child.ts'
import type { InputFile, Prepared } from './protocol.ts'

type Values = ArrayLike<number>

/** Of the largest value of each result: what float32 and long sums may cost. */
export const ALLOWED = 1e-4

/**
 * Of the move of an input to its new value, in the mean. A gradient jumps where a relu or a pooling switches, and of a
 * million that switch in float64 one or two do not in float32: each shifts some weights' moves by 1e-3 to 1e-2. A
 * weight's own rounding, 6e-8, is up to 2e-3 of a move besides.
 */
const ALLOWED_OF_MOVES = 1e-2

/** A work whose inputs lie in files, and whose results are known. */
export interface Shared {
  readonly definition: Definition
  readonly inputs: Readonly<Record<string, InputFile>>
  readonly wanted: readonly Values[]
}

/** A folder that is gone afterwards. */
export async function inFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kdgrad-peers-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  try {
    return await act(folder)
  } finally {
    remove()
    process.off('exit', remove)
  }
}

/** Writes the inputs of `definition` into `folder`, and computes its results on its oracle. */
export async function share(definition: Definition, folder: string): Promise<Shared> {
  const files = Object.entries(definition.inputs).map(([name, { shape, dtype, values }]) => {
    const path = join(folder, `${name}.bin`)
    writeFileSync(path, new Uint8Array(values().buffer))
    return [name, { path, shape, dtype }] as const
  })
  return { definition, inputs: Object.fromEntries(files), wanted: await expected(definition) }
}

const oracleOf = ({ oracle }: Pick<Definition, 'oracle'>) => oracle ?? 'reference'

async function expected(definition: Definition): Promise<Values[]> {
  const { task, inputs, params, runs = 1 } = definition
  const { name } = await openDevice(oracleOf(definition))
  await choose(name)
  const run = tasks[task](inputs, params)
  for (let i = 1; i < runs; i++) await run()
  const values: Values[] = []
  for (const result of await run()) values.push(await result.data())
  return values
}

/**
 * Has a participant compute the work, and compares. Its remark, if it has one.
 *
 * @throws ParticipantError where it cannot, or computes something else: what is wrong has no speed.
 */
export async function prepare(child: Child, shared: Shared, output: string): Promise<string | undefined> {
  const { definition, inputs, wanted } = shared
  const { task, params, runs = 1 } = definition
  const { lengths, note } = await child.ask({ do: 'prepare', task, params, inputs, runs, output })
  const fault = faultOf(definition, read(output, lengths), wanted)
  if (fault !== null) throw new ParticipantError(fault)
  return note
}

/** How the results differ from what is wanted; null where they do not. */
export function faultOf(
  definition: Pick<Definition, 'inputs' | 'results' | 'oracle'>,
  got: readonly Values[],
  wanted: readonly Values[],
): string | null {
  const { inputs, results } = definition
  const oracle = oracleOf(definition)
  if (got.length !== wanted.length) return `gave ${got.length} results where there are ${wanted.length}`
  for (const [i, name] of results.entries()) {
    const before = inputs[name]?.values()
    if (before) {
      const move = (values: Values) => Float64Array.from(values, (v, at) => v - before[at]!)
      const error = meanError(move(got[i]!), move(wanted[i]!))
      if (!(error <= ALLOWED_OF_MOVES))
        return `${name} moves otherwise than on ${oracle}, by ${error.toExponential(1)} where ${ALLOWED_OF_MOVES} is allowed`
    } else {
      const error = worstError([got[i]!], [wanted[i]!])
      if (!(error <= ALLOWED))
        return `${name} differs from ${oracle} by ${error.toExponential(1)} of the largest value where ${ALLOWED} is allowed`
    }
  }
  return null
}

function read(path: string, lengths: Prepared['lengths']): Float32Array[] {
  const all = new Float32Array(Uint8Array.from(readFileSync(path)).buffer)
  let start = 0
  return lengths.map((length) => {
    start += length
    return all.subarray(start - length, start)
  })
}
