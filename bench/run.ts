import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { exitCodeOf } from '../src/cli/exit-code.ts'
import { inOneSentence } from '../src/cli/one-sentence.ts'
import { oneOf } from '../src/cli/suggest.ts'
import type { Device } from '../src/device/device.ts'
import { deviceNames, openDevice } from '../src/device/open.ts'
import { KdgradError } from '../src/errors.ts'
import { tableOf } from './report.ts'
import { changes, lastRun, machine, saveRun } from './results.ts'
import { suites } from './suites.ts'
import { measureSuite } from './support.ts'
import { traceSuite } from './trace.ts'

const suiteNames = suites.map(({ name }) => name)
const RESULTS = fileURLToPath(new URL('results/', import.meta.url))

interface Flags {
  readonly device?: string
  readonly trace?: boolean
}

const command = new Command('bench')
  .description('times kdgrad on every device present, each result checked against reference first')
  .argument('[suites...]', `of ${suiteNames.join(', ')}; all where left out`)
  .option('--device <name>', `only this one: auto, ${deviceNames.join(', ')}`)
  .option('--trace', 'which kernels the time goes to, instead of the times')

/** The devices to run on; those that are absent are named with the reason. */
async function present(asked: string | undefined): Promise<Device[]> {
  if (asked !== undefined) return [await openDevice(oneOf('device', asked, ['auto', ...deviceNames]))]
  const found: Device[] = []
  for (const name of deviceNames) {
    try {
      found.push(await openDevice(name))
    } catch (error) {
      if (!(error instanceof KdgradError)) throw error
      console.log(`Without ${name}. ${error.message}`)
    }
  }
  return found
}

async function run(asked: readonly string[], { device, trace }: Flags): Promise<void> {
  for (const name of asked) oneOf('suite', name, suiteNames)
  const devices = await present(device)
  const names = devices.map(({ name }) => name)
  console.log(`${machine}; devices ${names.join(', ')}`)
  for (const suite of suites.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
    if (trace) {
      await traceSuite(suite, devices)
      continue
    }
    const before = lastRun(RESULTS, suite.name)
    const measured = await measureSuite(suite, names)
    console.log(`${tableOf(measured)}\n`)
    for (const change of changes(measured, before)) console.log(change)
    saveRun(RESULTS, suite.name, measured)
  }
}

// gpu.js's workers would keep the process alive.
process.exit(await exitCodeOf(() => inOneSentence(command).action(run).parseAsync()))
