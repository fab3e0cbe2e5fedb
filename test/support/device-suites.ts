import { device } from '../../src/device/current.ts'
import type { Device } from '../../src/device/device.ts'
import { openDevice } from '../../src/device/open.ts'
import { registry } from '../../src/graph/define.ts'
import { conforms } from './conforms.ts'
import type { DeviceReport, Tally } from './device-report.ts'
import { deviceLimit } from './fixture-limits.ts'
import { failures } from './fixture-run.ts'
import type { Case } from './fixtures.ts'
import { curveDistance, stepDistance, trainOn, type Wanted, wantedOf } from './kd-training.ts'
import { asking, leftOut, sizeChecks } from './size-limits.ts'
import '../../src/index.ts'
import '../../src/optim/index.ts'

const STEPS = 50

export interface SuiteOptions {
  readonly cases: readonly Case[]
  /** Drawn cases of each operation. */
  readonly runs: number
  /** What training gives, from `wantedTraining`. */
  readonly wanted: Wanted
  readonly onProgress?: (what: string) => void
}

export const wantedTraining = (): Promise<Wanted> => wantedOf(STEPS)

/** Runs every suite on a device, in Node and in a browser alike; or says why it is absent. */
export async function suitesOn(
  name: string,
  options: SuiteOptions,
): Promise<DeviceReport | { readonly absent: string }> {
  const found = await openDevice(name).catch((error: Error) => error)
  return found instanceof Error ? { absent: found.message } : suites(found, options)
}

async function suites(opened: Device, options: SuiteOptions): Promise<DeviceReport> {
  const { name } = opened
  const { cases, runs, wanted, onProgress = () => {} } = options
  const start = performance.now()
  const ops = await tally([...registry.values()], async (op) => {
    onProgress(`${name}: ${op.name}`)
    return failing(() => conforms(op, opened, runs), op.name)
  })
  await device(name)
  const fixtures = (chosen: readonly Case[]) =>
    tally(chosen, async (c) => {
      onProgress(`${name}: ${c.id}`)
      const limit = deviceLimit(c, opened)
      if (limit) return { skipped: `${c.id}: ${limit}` }
      return failing(async () => {
        const found = await failures(c)
        if (found.length > 0) throw new Error(found.join('; '))
      }, c.id)
    })
  const isLoss = (c: Case) => c.method !== undefined
  const found = {
    ops,
    cases: await fixtures(cases.filter((c) => !isLoss(c))),
    losses: await fixtures(cases.filter(isLoss)),
    sizes: await sizesOn(name, onProgress),
  }
  onProgress(`${name}: ${STEPS} steps`)
  const { losses } = await trainOn(name, STEPS)
  const { precision, description } = opened
  const curve = curveDistance(losses, wanted.losses)
  const step = stepDistance((await trainOn(name, 1)).weights, wanted)
  const seconds = Math.round((performance.now() - start) / 1000)
  return { device: name, precision, description, ...found, curve, step, seconds }
}

/** Every check of sizes; what is refused on the way counts as passed, and is listed. */
async function sizesOn(name: string, onProgress: (what: string) => void): Promise<Tally> {
  const refused = new Set<string>()
  const checked = await tally(Object.entries(sizeChecks), async ([what, check]) => {
    onProgress(`${name}: ${what}`)
    const why = leftOut(what, name)
    if (why) return { skipped: `${what}: ${why}` }
    return failing(() => check(asking((words) => refused.add(words))), what)
  })
  return { ...checked, skipped: [...checked.skipped, ...refused] }
}

type Outcome = 'passed' | { readonly failed: string } | { readonly skipped: string }

async function failing(check: () => Promise<void>, name: string): Promise<Outcome> {
  try {
    await check()
    return 'passed'
  } catch (error) {
    return { failed: `${name}: ${(error as Error).message}` }
  }
}

async function tally<T>(items: readonly T[], check: (item: T) => Promise<Outcome>): Promise<Tally> {
  const outcomes: Outcome[] = []
  for (const item of items) {
    outcomes.push(await check(item))
    // A device whose calls are synchronous would leave the page no moment to say where it is.
    await new Promise((done) => setTimeout(done))
  }
  return {
    passed: outcomes.filter((outcome) => outcome === 'passed').length,
    failed: outcomes.flatMap((outcome) =>
      typeof outcome === 'object' && 'failed' in outcome ? [outcome.failed] : [],
    ),
    skipped: outcomes.flatMap((outcome) =>
      typeof outcome === 'object' && 'skipped' in outcome ? [outcome.skipped] : [],
    ),
  }
}
