import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { DataError } from '../errors.ts'
import { reason } from './reason.ts'

/** What a file may unpack to: three times CIFAR's training set, so that a hostile file cannot take the memory. */
const MOST_BYTES = 2 ** 29

/**
 * The bytes of a file, unpacked if it is gzipped: by its content, not by its name, as browsers unpack a .gz that they
 * download and keep its name. `who` is the reader that messages name. Throws DataError if it is missing, cannot be read
 * or is damaged.
 */
export function readBytes(who: string, path: string): Uint8Array {
  const bytes = attempt(who, path, () => readFileSync(path))
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES })
  } catch (error) {
    throw new DataError(`${who}: ${path} is a damaged gzip file, got ${reason(error)}. Download it again.`)
  }
}

/** Throws DataError unless `folder` is one; `content` says what it should hold, e.g. `the four IDX files`. */
export function expectFolder(who: string, folder: string, content: string): void {
  if (!existsSync(folder))
    throw new DataError(`${who}: there is no such folder, got ${folder}. Pass the one with ${content}.`)
  if (!isFolder(who, folder))
    throw new DataError(`${who}: this is not a folder, got ${folder}. Pass the one with ${content}.`)
}

export const isFolder = (who: string, path: string): boolean =>
  attempt(who, path, () => statSync(path).isDirectory())

/** The path of the first of `names` that is in `folder`. */
export const findIn = (folder: string, names: readonly string[]): string | undefined =>
  names.map((name) => pathIn(folder, name)).find((path) => existsSync(path))

/** The paths of what lies in `folder`, sorted by name, hidden files left out. Throws DataError if it cannot be read. */
export const pathsIn = (who: string, folder: string): string[] =>
  attempt(who, folder, () => readdirSync(folder))
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => pathIn(folder, name))

export const pathIn = (folder: string, name: string): string => join(folder, name)

/** The last part of a path. */
export const nameOf = (path: string): string => basename(resolve(path))

function attempt<T>(who: string, path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new DataError(
      `${who}: ${path} cannot be read, got ${reason(error)}. Check the file and its permissions.`,
    )
  }
}
