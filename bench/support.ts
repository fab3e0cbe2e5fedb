import { add, suite as bennySuite } from 'benny'
import { openDevice } from '../src/device/open.ts'
import { device as choose } from '../src/index.ts'
import type { AnyTensor } from '../src/tensor.ts'
import { worstError } from './check.ts'
import type { Definition } from './definition.ts'

// The one place that knows benny. Its last release is of 2021: another timer is a change to `warmTimes` alone.

/** What is timed: builds its graph anew, as users do every step, computes it, and returns the results. */
export type Run = () => Promise<readonly AnyTensor[]>

/** An operation at one size. */
export interface Work {
  /** The operation and its size, for example 'matmul 256'. */
  readonly name: string
  /** Multiplications and additions, where a rate in GFLOP/s says something. */
  readonly flops?: number
  /** What other libraries are to compute as well, in `npm run bench:peers`. */
  readonly definition?: Definition
  /** Makes the inputs. The first run must give the same numbers on every device. */
  readonly prepare: () => Run
}

export interface Suite {
  readonly name: string
  readonly works: readonly Work[]
}

/** Milliseconds of a run that finds its kernels compiled. */
export interface Warm {
  readonly median: number
  readonly mean: number
  /** Half the 95 % interval of the mean; null where there are too few samples to know. */
  readonly margin: number | null
  readonly min: number
  readonly max: number
  readonly samples: number
}

/** One work on one device; times in milliseconds. */
export interface Measured {
  readonly work: string
  readonly device: string
  readonly flops: number | undefined
  /** The first run, with the compilation of those kernels that no earlier work has used. */
  readonly cold: number
  readonly warm: Warm
}

export interface Timing {
  /** Seconds spent on a case once it has `minSamples`. */
  readonly maxTime: number
  readonly minSamples: number
  /** A case whose run takes more milliseconds than this is run once and not repeated. */
  readonly tooSlow: number
}

const TIMING: Timing = { maxTime: 0.8, minSamples: 5, tooSlow: 2000 }

/**
 * Times a suite: one case per work and device, each checked against `reference` before it is timed.
 *
 * @throws Error where a device computes something else than `reference`: what is wrong has no speed.
 */
export async function measureSuite(
  suite: Suite,
  devices: readonly string[],
  timing: Timing = TIMING,
): Promise<Measured[]> {
  const measured: Measured[] = []
  for (const work of suite.works) measured.push(...(await measureWork(work, devices, timing)))
  return measured
}

async function measureWork(work: Work, devices: readonly string[], timing: Timing): Promise<Measured[]> {
  const oracle = await prepare(work, 'reference')
  const cases: Case[] = []
  for (const device of devices) {
    const made = device === 'reference' ? oracle : await prepare(work, device)
    const error = worstError(made.values, oracle.values)
    if (!(error <= ALLOWED))
      throw new Error(
        `bench: ${work.name} on ${device} differs from reference, got an error of ${error.toExponential(1)} of the largest value where ${ALLOWED} is allowed. Nothing is timed that is wrong.`,
      )
    cases.push({ ...made, once: await clocked(made.run) })
  }
  const repeated = cases.filter(({ once }) => once <= timing.tooSlow)
  const warm = await warmTimes(work.name, repeated, timing)
  return cases.map(({ device, cold, once }) => ({
    work: work.name,
    device,
    flops: work.flops,
    cold,
    warm: warm.get(device) ?? { median: once, mean: once, margin: null, min: once, max: once, samples: 1 },
  }))
}

/** Of the largest value of each result: what float32 and long sums may cost. */
const ALLOWED = 1e-4

interface Prepared {
  readonly device: string
  readonly run: () => Promise<void>
  readonly cold: number
  /** The first run's results. */
  readonly values: readonly ArrayLike<number>[]
}

interface Case extends Prepared {
  /** Milliseconds of one warm run. */
  readonly once: number
}

async function prepare(work: Work, name: string): Promise<Prepared> {
  const { name: device } = await openDevice(name)
  await choose(device)
  const run = work.prepare()
  const start = performance.now()
  const results = await finished(run)
  const cold = performance.now() - start
  const values: ArrayLike<number>[] = []
  for (const result of results) values.push(await result.data())
  // Cases of several devices take turns, so each says anew where it runs.
  const onDevice = async () => {
    await choose(device)
    await finished(run)
  }
  return { device, run: onDevice, cold, values }
}

/** A run, and a value of its smallest result read back: some devices only queue their work until then. */
export async function finished(run: Run): Promise<readonly AnyTensor[]> {
  const results = await run()
  const least = results.reduce((a, b) => (b.size < a.size ? b : a))
  const value = least.size <= SMALL ? least : least.slice(least.shape.map(() => [0, 1]))
  await value.data()
  return results
}

/** Copies of more elements than this are no part of the work: new memory for them can take longer than computing. */
const SMALL = 16_384

async function clocked(run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** Repeats the cases with benny, one after the other: the warm times by device. */
async function warmTimes(title: string, cases: readonly Case[], timing: Timing): Promise<Map<string, Warm>> {
  if (cases.length === 0) return new Map()
  let started = false
  let failure: unknown
  const guarded = (run: () => Promise<void>) => async () => {
    // benny calls everything once, without waiting, to see whether it returns a promise.
    if (!started) return
    // It never hears of a rejection either.
    await run().catch((error: unknown) => {
      failure ??= error
    })
  }
  const begin = async () => (bench: object) => {
    started = true
    return bench
  }
  const { maxTime, minSamples } = timing
  const summary = await bennySuite(
    title,
    ...cases.map(({ device, run }) => add(device, () => guarded(run), { maxTime, minSamples })),
    begin as Parameters<typeof bennySuite>[1],
  )
  if (failure) throw failure
  return new Map(
    summary.results.map(({ name, samples, details }): [string, Warm] => [
      name,
      {
        median: details.median * 1000,
        mean: details.mean * 1000,
        margin: samples < 3 ? null : details.marginOfError * 1000,
        min: details.min * 1000,
        max: details.max * 1000,
        samples,
      },
    ]),
  )
}
