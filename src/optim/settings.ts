import { ValueError } from '../errors.ts'

/** What a setting may be, and how messages say it. */
const ranges = {
  'at least 0': (x: number) => x >= 0 && Number.isFinite(x),
  'at least 0 and below 1': (x: number) => x >= 0 && x < 1,
} as const

/** Throws unless the setting is a number in its range. */
export function checkSetting(
  optimizer: string,
  name: string,
  value: number,
  range: keyof typeof ranges,
): void {
  if (typeof value !== 'number' || !ranges[range](value))
    throw new ValueError(
      `${optimizer}: ${name} must be a finite number of ${range}, got ${value}. Choose another.`,
    )
}
