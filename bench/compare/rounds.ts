import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../median.ts'
import type { Child } from './child.ts'

/** Milliseconds of a run. */
export interface Times {
  readonly median: number
  readonly min: number
  readonly max: number
  /** One from each round. */
  readonly samples: number
  /** How many runs a sample is the mean of. */
  readonly runs: number
}

/** How a process takes its samples. */
export interface Pace {
  /** Rounds that it takes part in. */
  readonly rounds: number
  /** How many runs a sample is the mean of. */
  readonly runs: number
  /** Whether an untimed run comes first, so that the caches hold this participant's data and not another's. */
  readonly warmed: boolean
}

/** A sample lasts at least this many milliseconds. */
const SAMPLE = 10
/** Milliseconds for the engine to compile what is hot, before anything counts: on a busy machine it gets to that late. */
const WARM_UP = 4000
/** A participant whose run takes more milliseconds than this does a few rounds only. */
const SLOW = 3000
const FEW_ROUNDS = 3
/** Milliseconds before a sample: another's threads, which may spin for a while, are asleep by then. */
const PAUSE = 15

const timed = async (child: Child, times: number) => (await child.ask({ do: 'run', times })).ms / times

/** Runs what is prepared until it is warm, and chooses the pace by what it takes. */
export async function warmUp(child: Child, rounds: number): Promise<Pace> {
  let best = Number.POSITIVE_INFINITY
  let runs = 1
  for (const start = performance.now(); performance.now() - start < WARM_UP; ) {
    best = Math.min(best, await timed(child, runs))
    runs = Math.max(1, Math.ceil(SAMPLE / best))
  }
  const slow = best > SLOW
  return { rounds: slow ? Math.min(FEW_ROUNDS, rounds) : rounds, runs, warmed: !slow }
}

/** Milliseconds of a run: the mean over one sample. */
export async function sample(child: Child, { runs, warmed }: Pace): Promise<number> {
  await sleep(PAUSE)
  if (warmed) await timed(child, 1)
  return timed(child, runs)
}

export const timesOf = (samples: readonly number[], runs: number): Times => ({
  median: median(samples),
  min: Math.min(...samples),
  max: Math.max(...samples),
  samples: samples.length,
  runs,
})
