import { ValueError } from '../errors.ts'
import { download, md5Of, written } from './fetch.ts'
import { findIn, pathIn } from './files.ts'
import { makeFolder } from './make-folder.ts'
import { type Source, type SourceFile, sourceNames, sources } from './sources.ts'
import { unpack } from './unpack.ts'

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
  await written(folder, async () => makeFolder(folder))
  const fetched: string[] = []
  for (const file of source.files) {
    if (await isThere(file, folder)) continue
    const path = pathIn(folder, file.name)
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
  if (members) return members.every((member) => findIn(folder, [member]) !== undefined)
  const path = findIn(folder, [name])
  return path !== undefined && (await md5Of(path)) === md5
}
