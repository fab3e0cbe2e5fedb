import { writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { parseArgs } from 'node:util'
import { type DeviceReport, isClean, type Report } from '../support/device-report.ts'
import { referenceCurve } from '../support/device-suites.ts'
import { reportLine, reportPath } from '../support/device-table.ts'
import { launchChromium } from './chromium.ts'
import type { Page } from './page.ts'
import { serve } from './serve.ts'

// npm run test:browser [-- --devices webgpu,webgl2 --runs 12 --folders ops,losses,extreme --write]: conformance, fixtures
// and training on each device of the system's Chromium. `--write` keeps the results for docs/devices.md.

declare const page: Page

/** A page without isolation has one thread only. */
const PLAIN = 'cpu, page not isolated'

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    devices: { type: 'string', default: `cpu,${PLAIN.replaceAll(',', ';')},webgpu,webgl2` },
    runs: { type: 'string', default: '12' },
    folders: { type: 'string', default: 'ops,losses,extreme' },
    minutes: { type: 'string', default: '20' },
    write: { type: 'boolean', default: false },
  },
})

const browser = await launchChromium()
const curve = await referenceCurve()
const devices: DeviceReport[] = []
const absent: { device: string; reason: string }[] = []
const complaints: string[] = []
for (const name of values.devices.split(',').map((text) => text.replaceAll(';', ','))) {
  const site = await serve('test/browser', { isolated: name !== PLAIN })
  const tab = await browser.newPage()
  tab.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`))
  await tab.goto(site.url)
  await tab.waitForFunction(() => 'page' in globalThis)
  const given = [
    name === PLAIN ? 'cpu' : name,
    Number(values.runs),
    curve,
    values.folders.split(','),
  ] as const
  const found = await Promise.race([
    tab.evaluate((args) => page.suites(...args), given),
    late(Number(values.minutes), async () => `stopped at ${await tab.evaluate(() => page.doing)}`),
  ])
  if (typeof found === 'string') {
    absent.push({ device: name, reason: found })
    console.log(`${name}: absent, ${found}`)
  } else {
    devices.push({ ...found, device: name })
    console.log(reportLine({ ...found, device: name }))
  }
  await tab.close()
  await site.close()
}
const report: Report = {
  where: `Chromium ${browser.version()}`,
  date: new Date().toISOString().slice(0, 10),
  devices,
  absent,
}
await browser.close()
for (const complaint of complaints) console.log(complaint)
if (values.write) writeFileSync(reportPath('chromium'), `${JSON.stringify(report, null, 2)}\n`)
const failed = devices.filter((device) => !isClean(device)).length + absent.length + complaints.length
console.log(
  `${devices.length - devices.filter((device) => !isClean(device)).length} passed, ${failed} failed`,
)
process.exit(failed === 0 ? 0 : 1)

async function late(minutes: number, what: () => Promise<string>): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, minutes * 60_000).unref())
  return what()
}
