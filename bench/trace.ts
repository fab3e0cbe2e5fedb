import { tableText } from '../src/cli/table.ts'
import type { Device } from '../src/device/device.ts'
import { device as choose, onTrace } from '../src/index.ts'
import { ms } from './results.ts'
import type { Run, Suite, Work } from './support.ts'

/** Runs of a work, at most and by seconds: first those that only let the engine compile, then those that count. */
const WARM_UP = { runs: 50, seconds: 1 }
const COUNTED = { runs: 200, seconds: 3 }
/** Kernels listed per work. */
const LISTED = 12

interface Spent {
  readonly calls: number
  readonly milliseconds: number
}

/** Prints, for every work and device, which kernels a warm run spends its time in, and how much is none of them. */
export async function traceSuite(suite: Suite, devices: readonly Device[]): Promise<void> {
  for (const work of suite.works) {
    for (const device of devices) {
      console.log(`\n${work.name} on ${device.name}`)
      console.log(await trace(work, device))
    }
  }
}

async function trace(work: Work, device: Device): Promise<string> {
  await choose(device.name)
  const run = work.prepare()
  await repeat(run, WARM_UP)
  const spent = new Map<string, Spent>()
  onTrace(({ kernels }) => {
    for (const { kernel, outputs, milliseconds } of kernels) {
      const label = `${kernel} ${outputs}`
      const entry = spent.get(label) ?? { calls: 0, milliseconds: 0 }
      spent.set(label, { calls: entry.calls + 1, milliseconds: entry.milliseconds + milliseconds })
    }
  })
  try {
    const { runs, elapsed } = await repeat(run, COUNTED)
    return tableFor(spent, elapsed, runs)
  } finally {
    onTrace(null)
  }
}

async function repeat(
  run: Run,
  { runs, seconds }: typeof COUNTED,
): Promise<{ runs: number; elapsed: number }> {
  const start = performance.now()
  const elapsed = () => performance.now() - start
  let done = 0
  while (done < runs && (done === 0 || elapsed() < seconds * 1000)) {
    await run()
    done++
  }
  return { runs: done, elapsed: elapsed() }
}

function tableFor(spent: ReadonlyMap<string, Spent>, elapsed: number, runs: number): string {
  const sorted = [...spent].sort(([, a], [, b]) => b.milliseconds - a.milliseconds)
  const sum = (entries: readonly [string, Spent][]): Spent => ({
    calls: entries.reduce((calls, [, s]) => calls + s.calls, 0),
    milliseconds: entries.reduce((time, [, s]) => time + s.milliseconds, 0),
  })
  const all = sum(sorted)
  const row = (label: string, { calls, milliseconds }: Spent) => [
    label,
    `${calls / runs}`,
    ms(milliseconds / runs),
    `${((100 * milliseconds) / elapsed).toFixed(1)} %`,
  ]
  const rest = sorted.slice(LISTED)
  return tableText(
    ['kernel and what it makes', 'calls', 'ms', 'share'],
    [
      ...sorted.slice(0, LISTED).map(([label, entry]) => row(label, entry)),
      ...(rest.length > 0 ? [row(`${rest.length} other kernels`, sum(rest))] : []),
      row('outside kernels: graph, plan, uploads', { calls: 0, milliseconds: elapsed - all.milliseconds }),
      row('one run', { calls: all.calls, milliseconds: elapsed }),
    ],
  )
}
