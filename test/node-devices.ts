import { writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { parseArgs } from 'node:util'
import { deviceNames } from '../src/device/open.ts'
import { type DeviceReport, isClean, type Report, type Without } from './support/device-report.ts'
import { suitesOn, wantedTraining } from './support/device-suites.ts'
import { reportLine, reportPath, versionsOf } from './support/device-table.ts'
import { readCases } from './support/fixture-files.ts'

// npm run test:devices [-- --devices cpu,webgpu --runs 12 --write]: what test:browser does, on every device of this Node.

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    devices: { type: 'string', default: deviceNames.join() },
    runs: { type: 'string', default: '12' },
    write: { type: 'boolean', default: false },
  },
})
const cases = readCases('test/fixtures').filter(({ id }) => /^(ops|losses|extreme)\//.test(id))
const wanted = await wantedTraining()
const devices: DeviceReport[] = []
const absent: Without[] = []
for (const name of values.devices.split(',')) {
  const found = await suitesOn(name, { cases, runs: Number(values.runs), wanted })
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
  runs: Number(values.runs),
  devices,
  absent,
  unfinished: [],
}
if (values.write) writeFileSync(reportPath('node'), `${JSON.stringify(report, null, 2)}\n`)
const failed = devices.filter((device) => !isClean(device)).length
console.log(`${devices.length - failed} passed, ${failed} failed, ${absent.length} absent`)
process.exit(failed === 0 ? 0 : 1)
