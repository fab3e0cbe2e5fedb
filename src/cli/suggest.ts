import { closest, distance } from 'fastest-levenshtein'
import { UsageError } from '../errors.ts'

/** The error for a name that is none of `known`: says which one may have been meant, and where they are all listed. */
export function unknownName(
  what: string,
  got: string,
  known: readonly string[],
  all = `Choose from ${known.join(', ')}.`,
): UsageError {
  const near = closest(got, [...known])
  const meant = distance(got, near) <= Math.max(2, got.length / 3) ? ` Did you mean ${near}?` : ''
  return new UsageError(`${what}: there is no ${got}.${meant} ${all}`)
}

/** `got` if it is one of `known`. */
export function oneOf<T extends string>(what: string, got: string, known: readonly T[]): T {
  if ((known as readonly string[]).includes(got)) return got as T
  throw unknownName(what, got, known)
}
