import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseTar } from 'nanotar'
import { DataError, ValueError } from '../errors.ts'
import { download, md5Of, written } from './download.ts'
import { reason } from './files.ts'
import { type Source, type SourceFile, sourceNames, sources } from './sources.ts'

export interface FetchOptions {
  /** Folders on the web to ask instead of the published ones. */
  readonly mirrors?: readonly string[]
  /** Called as bytes of a file arrive; `total` is undefined where the server does not say. */
  readonly onProgress?: (file: string, done: number, total: number | undefined) => void
  /** Ends it; what has arrived is kept and gone on with the next time. */
  readonly signal?: AbortSignal
}

/**
 * Puts the files of a published data set (`mnist`, `fashion-mnist`, `cifar10`, `cifar100`) into `folder`, where `loadDataset`
 * finds them, archives unpacked. What is there already is kept. Resolves to the names of the files that were fetched.
 * Throws ValueError on another name, DataError if a file cannot be fetched or written or has a wrong checksum.
 */
export async function fetchDataset(
  name: string,
  folder: string,
  options: FetchOptions = {},
): Promise<string[]> {
  if (!Object.hasOwn(sources, name))
    throw new ValueError(
      `fetchDataset: this data set cannot be fetched, got ${name}. Choose from ${sourceNames.join(', ')}.`,
    )
  return fetchSource(sources[name as keyof typeof sources], folder, options)
}

/** `fetchDataset` for files from anywhere. */
export async function fetchSource(
  source: Source,
  folder: string,
  options: FetchOptions = {},
): Promise<string[]> {
  const { mirrors = source.mirrors, onProgress, signal } = options
  await written(folder, () => mkdir(folder, { recursive: true }))
  const fetched: string[] = []
  for (const file of source.files) {
    if (await isThere(file, folder)) continue
    const path = join(folder, file.name)
    await download(
      mirrors.map((mirror) => `${mirror.replace(/\/?$/, '/')}${file.name}`),
      path,
      file.md5,
      {
        ...(onProgress ? { onProgress: (done, total) => onProgress(file.name, done, total) } : {}),
        ...(signal ? { signal } : {}),
      },
    )
    if (file.members) await unpack(path, file.members, folder)
    fetched.push(file.name)
  }
  return fetched
}

/** Whether a file, or all that is wanted of an archive, need not be fetched. */
async function isThere({ name, md5, members }: SourceFile, folder: string): Promise<boolean> {
  if (members) return members.every((member) => existsSync(join(folder, member)))
  const path = join(folder, name)
  return existsSync(path) && (await written(path, () => md5Of(path))) === md5
}

/** Puts `members` of the archive into `folder` and removes it. */
async function unpack(archive: string, members: readonly string[], folder: string): Promise<void> {
  const files = filesOf(archive)
  for (const member of members) {
    const data = files.get(member)
    if (data === undefined)
      throw new DataError(`fetchDataset: ${archive} lacks a file, got no ${member}. Download it again.`)
    const path = join(folder, member)
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
    throw new DataError(
      `fetchDataset: ${archive} cannot be unpacked, got ${reason(error)}. Download it again.`,
    )
  }
}
