import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Measured } from './support.ts'

/** What a suite measured when it last ran, by work and device. */
export interface Saved {
  readonly machine: string
  readonly results: Readonly<Record<string, Measured & { readonly date: string }>>
}

/** What the numbers were measured with: others cannot be compared with them. */
export const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}`

const keyOf = ({ work, device }: Measured) => `${work} on ${device}`
const fileOf = (folder: string, suite: string) => join(folder, `${suite}.json`)

/** The last saved run of a suite; null where there is none, or one that cannot be read. */
export function lastRun(folder: string, suite: string): Saved | null {
  try {
    return JSON.parse(readFileSync(fileOf(folder, suite), 'utf8')) as Saved
  } catch {
    return null
  }
}

/** Saves what was measured, over what this machine measured before; works and devices that did not run stay. */
export function saveRun(folder: string, suite: string, measured: readonly Measured[]): void {
  const before = lastRun(folder, suite)
  const date = new Date().toISOString()
  const saved: Saved = {
    machine,
    results: {
      ...(before?.machine === machine ? before.results : {}),
      ...Object.fromEntries(measured.map((m) => [keyOf(m), { ...m, date }])),
    },
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(folder, suite), `${JSON.stringify(saved, null, 2)}\n`)
}

/** A sentence for every mean that moved by more than both margins of error, and for nothing else. */
export function changes(measured: readonly Measured[], before: Saved | null): string[] {
  if (before?.machine !== machine) return []
  return measured.flatMap((now) => {
    const old = before.results[keyOf(now)]?.warm
    const { mean, margin } = now.warm
    if (old === undefined || old.margin === null || margin === null) return []
    const change = mean - old.mean
    if (Math.abs(change) <= Math.max(margin, old.margin)) return []
    const percent = Math.abs((100 * change) / old.mean).toFixed(0)
    return `${keyOf(now)}: ${percent} % ${change < 0 ? 'faster' : 'slower'}, ${ms(mean)} ± ${ms(margin)} ms after ${ms(old.mean)} ± ${ms(old.margin)} ms`
  })
}

/** Milliseconds to three digits. */
export const ms = (time: number): string =>
  time >= 100 ? time.toFixed(0) : time.toFixed(time >= 10 ? 1 : time >= 1 ? 2 : 3)

/** Two digits, or as many as there are before the point. */
export const twoDigits = (x: number): string => (x >= 99.5 ? x.toFixed(0) : x.toPrecision(2))
