import { readFileSync } from 'node:fs'
import { type DeviceReport, type Report, type Tally, talliesOf, type Without } from './device-report.ts'

/** Where the results that docs/devices.md is made from are kept. */
export const reportPath = (where: 'node' | 'chromium'): string => `docs/devices/${where}.json`

/** Of the packages whose code runs, from their package.json. */
export function versionsOf(...packages: readonly string[]): Record<string, string> {
  const version = (path: string): string => JSON.parse(readFileSync(path, 'utf8')).version
  const installed = packages.map((name) => [name, version(`node_modules/${name}/package.json`)] as const)
  return { kdgrad: version('package.json'), ...Object.fromEntries(installed) }
}

const share = ({ passed, failed }: Tally): string => `${passed}/${passed + failed.length}`

/** What a device came to, in a line with all that went wrong below it. */
export function reportLine(report: DeviceReport): string {
  const { device, description, ops, cases, losses, sizes, step, curve, seconds } = report
  const tallies = talliesOf(report)
  const line = `${device} (${description}): operations ${share(ops)}, fixtures of operations ${share(cases)}, of losses ${share(losses)}, sizes ${share(sizes)}; step at ${step.toFixed(2)} and 50 steps at ${curve.toFixed(2)} of what is allowed; ${seconds} s`
  return [
    line,
    ...tallies.flatMap(({ failed }) => failed.map((text) => `  FAILED ${text}`)),
    ...tallies.flatMap(({ skipped }) => skipped.map((text) => `  skipped ${text}`)),
  ].join('\n')
}

/** docs/devices.md between its marks: a table for each place, what was skipped and what is absent. */
export function deviceTables(reports: readonly Report[]): string {
  return reports
    .map(({ where, date, versions, runs, devices, absent, unfinished }) => {
      const rows = devices.map(
        (found) =>
          `| \`${found.device}\` | ${found.description} | ${share(found.ops)} | ${share(found.cases)} | ${share(found.losses)} | ${share(found.sizes)} | ${yes(found.step)} | ${yes(found.curve)} | ${found.seconds} s |`,
      )
      const reasons = devices.flatMap((report) =>
        talliesOf(report).flatMap(({ skipped }) => skipped.map((text) => ({ device: report.device, text }))),
      )
      const texts = [...new Set(reasons.map(({ text }) => text))]
      const skipped = texts.map((text) => {
        const on = reasons.filter((reason) => reason.text === text).map(({ device }) => `\`${device}\``)
        return `- ${text} (${on.join(', ')})`
      })
      const list = (without: readonly Without[]) =>
        without.map(({ device, reason }) => `- \`${device}\`: ${reason}`)
      const failures = devices.flatMap((report) =>
        talliesOf(report).flatMap(({ failed }) =>
          failed.map((reason) => ({ device: report.device, reason })),
        ),
      )
      const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
      return [
        `### ${where}, ${date}`,
        '',
        `With ${made.join(', ')}; ${runs} drawn cases of each operation.`,
        '',
        '| device | made by | operations | fixtures of operations | of losses | sizes | step | 50 steps | took |',
        '|---|---|---|---|---|---|---|---|---|',
        ...rows,
        ...(skipped.length > 0 ? ['', 'Skipped or refused, and why:', '', ...skipped] : []),
        ...(failures.length > 0 ? ['', 'Failed:', '', ...list(failures)] : []),
        ...(unfinished.length > 0 ? ['', 'Not finished:', '', ...list(unfinished)] : []),
        ...(absent.length > 0 ? ['', 'Absent there:', '', ...list(absent)] : []),
      ].join('\n')
    })
    .join('\n\n')
}

const yes = (distance: number): string =>
  `${distance <= 1 ? 'yes' : 'NO'}, ${distance.toFixed(2)} of what is allowed`
