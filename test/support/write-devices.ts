import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Report } from './device-report.ts'
import { deviceTables, reportPath } from './device-table.ts'

// npm run docs:devices: the tables of docs/devices.md from what test:devices and test:browser wrote down.

const PAGE = 'docs/devices.md'
const MARK = '<!-- tables -->'

const reports = (['node', 'chromium'] as const)
  .map(reportPath)
  .filter((path) => existsSync(path))
  .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report)
const [before, , after] = readFileSync(PAGE, 'utf8').split(MARK)
writeFileSync(PAGE, [before, `\n\n${deviceTables(reports)}\n\n`, after].join(MARK))
