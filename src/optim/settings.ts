import { ValueError } from '../errors.ts'

/** What a setting may be, and how messages say it. */
const ranges = {
  'at least 0': (x: number) => x >= 0 && Number.isFinite(x),
  'more than 0': (x: number) => x > 0 && Number.isFinite(x),
  'at least 0 and below 1': (x: number) => x >= 0 && x < 1,
  'at least 0 and at most 1': (x: number) => x >= 0 && x <= 1,
} as const

/**
 * Throws unless the setting is a number in its range.
 *
 * @param owner what messages call the optimiser, schedule or function
 */
export function checkSetting(owner: string, name: string, value: number, range: keyof typeof ranges): void {
  if (typeof value !== 'number' || !ranges[range](value))
    throw new ValueError(
      `${owner}: ${name} must be a finite number of ${range}, got ${value}. Choose another.`,
    )
}

/** Throws unless the setting is a whole number of at least `least`. */
export function checkWhole(owner: string, name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new ValueError(
      `${owner}: ${name} must be a whole number of at least ${least}, got ${value}. Choose another.`,
    )
}
