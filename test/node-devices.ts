import { writeFileSync } from 'node:fs'
import { count } from '../src/cli/numbers.ts'
import { deviceNames } from '../src/device/open.ts'
import { type DeviceReport, isClean, type Report, type Without } from './support/device-report.ts'
import { suitesOn, wantedTraining } from './support/device-suites.ts'
import { reportLine, reportPath, versionsOf } from './support/device-table.ts'
import { readCases } from './support/fixture-files.ts'
import { flagsOf, listOf } from './support/flags.ts'

// npm run test:devices [-- --devices cpu,webgpu --runs 12 --write]: what test:browser does, on every device of this Node.

interface Flags {
  readonly devices: readonly string[]
  readonly runs: number
  readonly write: boolean
}

const flags = await flagsOf<Flags>('test:devices', (command) =>
  command
    .description('runs conformance, fixtures and training on devices of this Node')
    .option('--devices <list>', 'which', listOf('device', deviceNames), deviceNames)
    .option('--runs <n>', 'drawn cases of each operation', count, 12)
    .option('--write', 'keeps the results for docs/devices.md', false),
)
const cases = readCases('test/fixtures').filter(({ id }) => /^(ops|losses|extreme)\//.test(id))
const wanted = await wantedTraining()
const devices: DeviceReport[] = []
const absent: Without[] = []
for (const name of flags.devices) {
  const found = await suitesOn(name, { cases, runs: flags.runs, wanted })
  if ('absent' in found) {
    absent.push({ device: name, reason: found.absent })
    console.log(`${name}: absent, ${found.absent}`)
    continue
  }
  devices.push(found)
  console.log(reportLine(found))
}
const report: Report = {
  where: `Node ${process.version}`,
  date: new Date().toISOString().slice(0, 10),
  versions: versionsOf('gpu.js', 'webgpu'),
  runs: flags.runs,
  devices,
  absent,
  unfinished: [],
}
if (flags.write) writeFileSync(reportPath('node'), `${JSON.stringify(report, null, 2)}\n`)
const failed = devices.filter((device) => !isClean(device)).length
console.log(`${devices.length - failed} passed, ${failed} failed, ${absent.length} absent`)
process.exit(failed === 0 ? 0 : 1)
