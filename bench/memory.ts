import { setImmediate as turn } from 'node:timers/promises'
import { median } from './median.ts'

/** What process.memoryUsage tells, in bytes. */
export const MEASURES = ['heapUsed', 'external', 'arrayBuffers', 'rss'] as const

export type Measure = (typeof MEASURES)[number]

export type Memory = Readonly<Record<Measure, number>> & { readonly step: number }

const MiB = 2 ** 20

/** How much each may grow after the warm-up. The collector decides when rss shrinks, so it gets more. */
export const BOUNDS: Readonly<Record<Measure, number>> = {
  heapUsed: 1 * MiB,
  external: 1 * MiB,
  arrayBuffers: 1 * MiB,
  rss: 24 * MiB,
}

/** Fewest samples that a verdict rests on. */
export const FEWEST = 6

/** Collects garbage (where node runs with --expose-gc), and lets go of what it held on to. */
export async function collect(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    // Finalizers run between turns of the event loop.
    await turn()
  }
}

/** What is in use after `step` steps, once the garbage is gone. */
export async function sampleMemory(step: number): Promise<Memory> {
  await collect()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  return { step, heapUsed, external, arrayBuffers, rss }
}

export interface Growth {
  readonly measure: Measure
  /** Medians of the earlier and the later half of the samples after the warm-up, in bytes. */
  readonly from: number
  readonly to: number
}

/** How each measure moved after the first third of the samples. */
export function growths(samples: readonly Memory[]): Growth[] {
  const settled = samples.slice(Math.ceil(samples.length / 3))
  const half = Math.floor(settled.length / 2)
  return MEASURES.map((measure) => ({
    measure,
    from: median(settled.slice(0, half).map((sample) => sample[measure])),
    to: median(settled.slice(-half).map((sample) => sample[measure])),
  }))
}

/** Why the samples show a leak: a sentence; null where memory is flat. */
export function verdict(samples: readonly Memory[]): string | null {
  if (samples.length < FEWEST)
    return `soak: too few samples, got ${samples.length}. Take at least ${FEWEST}; run more steps.`
  const grown = growths(samples).filter(({ measure, from, to }) => !(to - from <= BOUNDS[measure]))
  if (grown.length === 0) return null
  const what = grown.map(
    ({ measure, from, to }) =>
      `${measure} from ${mebibytes(from)} to ${mebibytes(to)} MiB where ${mebibytes(BOUNDS[measure])} more is allowed`,
  )
  return `soak: memory grows after the warm-up, got ${what.join('; ')}. Something holds on to what a step made.`
}

export const mebibytes = (bytes: number): string => (bytes / MiB).toFixed(2)
