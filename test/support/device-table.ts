import type { DeviceReport, Report, Tally } from './device-report.ts'

/** Where the results that docs/devices.md is made from are kept. */
export const reportPath = (where: 'node' | 'chromium'): string => `docs/devices/${where}.json`

const share = ({ passed, failed }: Tally): string => `${passed}/${passed + failed.length}`

/** What a device came to, in a line with all that went wrong below it. */
export function reportLine({ device, description, ops, cases, losses, step, curve }: DeviceReport): string {
  const skipped = [...ops.skipped, ...cases.skipped, ...losses.skipped].map((text) => `  skipped ${text}`)
  const failed = [...ops.failed, ...cases.failed, ...losses.failed].map((text) => `  FAILED ${text}`)
  const line = `${device} (${description}): operations ${share(ops)}, fixtures of operations ${share(cases)}, of losses ${share(losses)}; step at ${step.toFixed(2)} and 50 steps at ${curve.toFixed(2)} of what is allowed`
  return [line, ...failed, ...skipped].join('\n')
}

/** docs/devices.md between its marks: a table for each place, what was skipped and what is absent. */
export function deviceTables(reports: readonly Report[]): string {
  return reports
    .map(({ where, date, devices, absent }) => {
      const rows = devices.map(
        (found) =>
          `| \`${found.device}\` | ${found.description} | ${share(found.ops)} | ${share(found.cases)} | ${share(found.losses)} | ${yes(found.step)} | ${yes(found.curve)} |`,
      )
      const reasons = devices.flatMap(({ device, ops, cases, losses }) =>
        [ops, cases, losses].flatMap(({ skipped }) => skipped).map((text) => ({ device, text })),
      )
      const texts = [...new Set(reasons.map(({ text }) => text))]
      const skipped = texts.map((text) => {
        const on = reasons.filter((reason) => reason.text === text).map(({ device }) => `\`${device}\``)
        return `- ${text} (${on.join(', ')})`
      })
      const missing = absent.map(({ device, reason }) => `- \`${device}\`: ${reason}`)
      return [
        `### ${where}, ${date}`,
        '',
        '| device | made by | operations | fixtures of operations | of losses | step | 50 steps |',
        '|---|---|---|---|---|---|---|',
        ...rows,
        ...(skipped.length > 0 ? ['', 'Skipped, and why:', '', ...skipped] : []),
        ...(missing.length > 0 ? ['', 'Absent there:', '', ...missing] : []),
      ].join('\n')
    })
    .join('\n\n')
}

const yes = (distance: number): string =>
  `${distance <= 1 ? 'yes' : 'NO'}, ${distance.toFixed(2)} of what is allowed`
