import { readFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { parseTar } from 'nanotar'
import { DataError } from '../errors.ts'
import { written } from './fetch.ts'
import { pathIn } from './files.ts'
import { reason } from './reason.ts'

/**
 * Puts `members` of a .tar.gz into `folder`, and removes the archive. Throws DataError if it is damaged or lacks one of them, or
 * if they cannot be written.
 */
export async function unpack(archive: string, members: readonly string[], folder: string): Promise<void> {
  const files = filesOf(archive)
  for (const member of members) {
    const data = files.get(member)
    if (data === undefined)
      throw new DataError(`unpack: ${archive} lacks a file, got no ${member}. Download it again.`)
    const path = pathIn(folder, member)
    // Under its name only when it is whole.
    await written(path, () => writeFile(`${path}.part`, data))
    await written(path, () => rename(`${path}.part`, path))
  }
  await written(archive, () => rm(archive))
}

/** The files of a .tar.gz by the last part of their names, so that none lands outside of its folder. */
function filesOf(archive: string): Map<string, Uint8Array> {
  try {
    // A copy, as a small buffer of Node's shares its memory with others.
    const tar = new Uint8Array(gunzipSync(readFileSync(archive)))
    return new Map(
      parseTar(tar.buffer).flatMap(({ name, data }) =>
        data ? [[name.split('/').at(-1)!, data] as const] : [],
      ),
    )
  } catch (error) {
    throw new DataError(`unpack: ${archive} cannot be unpacked, got ${reason(error)}. Download it again.`)
  }
}
