import { join } from 'node:path'
import type { Definition } from '../definition.ts'
import { Child, ParticipantError } from './child.ts'
import type { Name, Participant } from './participants.ts'
import { type Pace, sample, type Times, timesOf, warmUp } from './rounds.ts'
import { inFolder, prepare, share } from './sharing.ts'

/** What a participant took for a work, or why there is nothing to say. */
export type Outcome = (Times & { readonly note?: string }) | { readonly error: string }

/** One row: a work on as many threads. */
export interface Row {
  readonly work: string
  readonly threads: number
  readonly flops?: number
  readonly outcomes: Readonly<Partial<Record<Name, Outcome>>>
}

/** A participant on as many threads, and how far it has got. */
interface Contestant {
  readonly participant: Participant
  readonly threads: number
  readonly samples: number[]
  child?: Child
  note?: string | undefined
  pace?: Pace
  error?: string
}

/**
 * Checks every participant against the work's oracle and times those that are right, in turn. A work that is compared on
 * several threads gives two rows, of the same rounds; who has no threads is left out of the second.
 */
export async function compare(
  definition: Definition,
  participants: readonly Participant[],
  rounds: number,
): Promise<Row[]> {
  const { name, flops } = definition
  const more = participants.some(({ threaded }) => threaded) ? (definition.threads ?? 1) : 1
  const threadCounts = [...new Set([1, more])]
  const contestants = threadCounts.flatMap((threads) =>
    participants
      .filter(({ threaded }) => threads === 1 || threaded)
      .map((participant): Contestant => ({ participant, threads, samples: [] })),
  )
  await inFolder((folder) => contest(definition, contestants, rounds, folder))
  return threadCounts.map((threads) => ({
    work: name,
    threads,
    ...(flops === undefined ? {} : { flops }),
    outcomes: Object.fromEntries(
      contestants
        .filter((one) => one.threads === threads)
        .map((one) => [one.participant.name, outcomeOf(one)]),
    ),
  }))
}

async function contest(
  definition: Definition,
  contestants: readonly Contestant[],
  rounds: number,
  folder: string,
): Promise<void> {
  const shared = await share(definition, folder)
  try {
    for (const one of contestants)
      await attempt(one, async () => {
        one.child = (await Child.start(one.participant.worker(one.threads))).child
        one.note = await prepare(one.child, shared, join(folder, 'results.bin'))
      })
    for (const one of contestants)
      await attempt(one, async () => {
        one.pace = await warmUp(one.child!, rounds)
      })
    for (let round = 0; round < rounds; round++)
      for (const one of contestants)
        await attempt(one, async () => {
          if (round < one.pace!.rounds) one.samples.push(await sample(one.child!, one.pace!))
        })
  } finally {
    for (const { child } of contestants) child?.stop()
  }
}

/** Once a contestant has failed, it is out. */
async function attempt(one: Contestant, act: () => Promise<void>): Promise<void> {
  if (one.error !== undefined) return
  try {
    await act()
  } catch (error) {
    if (!(error instanceof ParticipantError)) throw error
    one.error = error.message
  }
}

function outcomeOf({ error, samples, pace, note }: Contestant): Outcome {
  if (error !== undefined) return { error }
  return { ...timesOf(samples, pace!.runs), ...(note === undefined ? {} : { note }) }
}
