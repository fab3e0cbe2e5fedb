import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page as Tab } from 'playwright-core'
import { count, positive } from '../../src/cli/numbers.ts'
import { deviceNames } from '../../src/device/open.ts'
import { type DeviceReport, isClean, type Report, type Without } from '../support/device-report.ts'
import { wantedTraining } from '../support/device-suites.ts'
import { reportLine, reportPath, versionsOf } from '../support/device-table.ts'
import { flagsOf, listOf } from '../support/flags.ts'
import { launchChromium } from './chromium.ts'
import type { Page } from './page.ts'
import { serve } from './serve.ts'

// npm run test:browser [-- --devices webgpu,webgl2 --runs 12 --folders ops,losses,extreme --write]: conformance, fixtures,
// training and the loss of GPUs on each device of the system's Chromium. `--write` keeps the results for docs/devices.md.

declare const page: Page

/** A page without isolation has one thread only. */
const PLAIN = 'cpu (page not isolated)'
/** After so many the loss of a device counts as one that hangs. */
const MINUTES_OF_LOSS = 2

/** Of test/fixtures: those that the suites run. */
const FOLDERS = ['ops', 'losses', 'extreme']

interface Flags {
  readonly devices: readonly string[]
  readonly runs: number
  readonly folders: readonly string[]
  readonly minutes: number
  readonly write: boolean
}

const usual = ['cpu', PLAIN, 'webgpu', 'webgl2']
const flags = await flagsOf<Flags>('test:browser', (command) =>
  command
    .description("runs conformance, fixtures and training on devices of the system's Chromium")
    .option('--devices <list>', 'which', listOf('device', [...deviceNames, PLAIN]), usual)
    .option('--runs <n>', 'drawn cases of each operation', count, 12)
    .option('--folders <list>', 'of test/fixtures', listOf('folder', FOLDERS), FOLDERS)
    .option('--minutes <n>', 'after which a device is not finished', positive, 20)
    .option('--write', 'keeps the results for docs/devices.md', false),
)

const browser = await launchChromium()
const wanted = await wantedTraining()
const devices: DeviceReport[] = []
const absent: Without[] = []
const unfinished: Without[] = []
const complaints: string[] = []
for (const name of flags.devices) {
  const site = await serve('test/browser', { isolated: name !== PLAIN })
  const tab = await browser.newPage()
  tab.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`))
  await tab.goto(site.url)
  await tab.waitForFunction(() => 'page' in globalThis)
  const given = [name === PLAIN ? 'cpu' : name, flags.runs, wanted, flags.folders] as const
  const found = await Promise.race([
    tab
      .evaluate((args) => page.suites(...args), given)
      .catch((error: Error) => ({ late: `ended, got "${error.message}"` })),
    late(tab, flags.minutes),
  ])
  if ('late' in found) {
    unfinished.push({ device: name, reason: found.late })
    console.log(`${name}: ${found.late}`)
  } else if ('absent' in found) {
    absent.push({ device: name, reason: found.absent })
    console.log(`${name}: absent, ${found.absent}`)
  } else {
    devices.push({ ...found, device: name })
    console.log(reportLine({ ...found, device: name }))
    const wrong = await Promise.race([
      tab
        .evaluate((device) => page.losing(device), given[0])
        .catch((error: Error) => ({ late: `ended, got "${error.message}"` })),
      late(tab, MINUTES_OF_LOSS),
    ])
    complaints.push(...('late' in wrong ? [`losing ${name}: ${wrong.late}`] : wrong))
  }
  await tab.close()
  await site.close()
}
const report: Report = {
  where: `Chromium ${browser.version()}`,
  date: new Date().toISOString().slice(0, 10),
  versions: versionsOf('gpu.js'),
  runs: flags.runs,
  devices,
  absent,
  unfinished,
}
// Before the browser is closed, which waits for a GPU process that hangs.
if (flags.write) writeFileSync(reportPath('chromium'), `${JSON.stringify(report, null, 2)}\n`)
await browser.close()
for (const complaint of complaints) console.log(complaint)
const clean = devices.filter(isClean).length
const failed = devices.length - clean + absent.length + unfinished.length + complaints.length
console.log(`${clean} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** After so many minutes: what the page is doing, if it still answers. */
async function late(tab: Tab, minutes: number): Promise<{ late: string }> {
  await sleep(minutes * 60_000, null, { ref: false })
  const doing = await Promise.race([
    tab.evaluate(() => page.doing),
    sleep(10_000, 'something that does not let go', { ref: false }),
  ])
  return { late: `not done after ${minutes} minutes, at ${doing}` }
}
