import { InvalidArgumentError } from 'commander'

/** Parsers of option values: each names what it wants. */
const parser = (wanted: string, accepts: (n: number) => boolean) => (text: string) => {
  const n = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(n) || !accepts(n)) throw new InvalidArgumentError(`Give ${wanted}.`)
  return n
}

export const count = parser('a whole number of at least 1', (n) => Number.isInteger(n) && n >= 1)
export const whole = parser('a whole number of at least 0', (n) => Number.isInteger(n) && n >= 0)
export const positive = parser('a number above 0', (n) => n > 0)
export const anyNumber = parser('a number', () => true)
export const nonNegative = parser('a number of at least 0', (n) => n >= 0)
export const shareBelowOne = parser('a number of at least 0 and below 1', (n) => n >= 0 && n < 1)
export const share = parser('a number between 0 and 1', (n) => n > 0 && n < 1)
