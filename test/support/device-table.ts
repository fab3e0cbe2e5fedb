import type { DeviceReport, Tally } from './device-report.ts'

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
