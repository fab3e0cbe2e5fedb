import { once } from 'node:events'
import { worstError } from '../check.ts'
import type { Definition } from '../definition.ts'
import { errorLine, ParticipantError, type Program, start } from './child.ts'
import type { Participant } from './participants.ts'
import { timesOf } from './rounds.ts'
import { ALLOWED, inFolder, share } from './sharing.ts'
import type { Outcome, Row } from './works.ts'

export const COLD_START = 'cold start'

const NOTHING: Program = { command: process.execPath, args: ['-e', '0'] }

/**
 * Milliseconds from the start of a process to the gradient of KLDiv that it writes, a new process each time, and in
 * turn; and those of a Node that does nothing.
 *
 * @param kldiv the work whose gradient it is: student and teacher logits [128, 100]
 */
export function coldStarts(
  kldiv: Definition,
  participants: readonly Participant[],
  rounds: number,
): Promise<{ row: Row; bareNode: Outcome }> {
  return inFolder(async (folder) => {
    const { inputs, wanted } = await share(kldiv, folder)
    const files = [inputs.student!.path, inputs.teacher!.path]
    const gradient = wanted[1]!
    const runners: Runner[] = participants.map(({ name, cold }) => ({
      name,
      time: () => startToResult(cold(files), gradient),
      samples: [],
    }))
    const bareNode: Runner = { name: 'node', time: () => startToEnd(NOTHING), samples: [] }
    // The first round only reads the files in, and checks.
    for (let round = -1; round < rounds; round++) {
      for (const runner of [...runners, bareNode]) {
        if (runner.error !== undefined) continue
        try {
          const ms = await runner.time()
          if (round >= 0) runner.samples.push(ms)
        } catch (error) {
          if (!(error instanceof ParticipantError)) throw error
          runner.error = error.message
        }
      }
    }
    const outcomes = Object.fromEntries(runners.map((runner) => [runner.name, outcomeOf(runner)]))
    return { row: { work: COLD_START, threads: 1, outcomes }, bareNode: outcomeOf(bareNode) }
  })
}

interface Runner {
  readonly name: string
  readonly time: () => Promise<number>
  readonly samples: number[]
  error?: string
}

const outcomeOf = ({ error, samples }: Runner): Outcome =>
  error === undefined ? timesOf(samples, 1) : { error }

async function startToResult(program: Program, wanted: ArrayLike<number>): Promise<number> {
  const begin = performance.now()
  let ms = Number.NaN
  const output: Buffer[] = []
  let complaints = ''
  const child = start(program)
  child.stdout.on('data', (chunk) => {
    if (output.length === 0) ms = performance.now() - begin
    output.push(chunk)
  })
  child.stderr.on('data', (text) => {
    complaints += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new ParticipantError(errorLine(complaints) ?? `ended with code ${code}`)
  const got = new Float32Array(Uint8Array.from(Buffer.concat(output)).buffer)
  const error = worstError([got], [wanted])
  if (!(error <= ALLOWED)) throw new ParticipantError(`differs from reference by ${error.toExponential(1)}`)
  return ms
}

async function startToEnd(program: Program): Promise<number> {
  const begin = performance.now()
  await once(start(program), 'exit')
  return performance.now() - begin
}
