import { createHash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { DataError } from '../errors.ts'
import { reason } from './reason.ts'

export interface DownloadOptions {
  /** Called as bytes arrive; `total` is undefined where the server does not say. */
  readonly onProgress?: (done: number, total: number | undefined) => void
  /** Ends it; what has arrived is kept. */
  readonly signal?: AbortSignal
}

/** How often a connection that broke is taken up again. */
const ROUNDS = 3

/**
 * Fetches a file from the first of `urls` that gives it whole, with this MD5. It grows as `<path>.part` and gets its name
 * once its checksum is right, so that `path` is never half a file; a part that is there already is gone on with by HTTP
 * Range. Throws DataError, saying what each url gave, if none has it, or if it cannot be written.
 */
export async function download(
  urls: readonly string[],
  path: string,
  md5: string,
  options: DownloadOptions = {},
): Promise<void> {
  const part = `${path}.part`
  const failures = new Map<string, string>()
  const refused = new Set<string>()
  for (let round = 0; round < ROUNDS; round++)
    for (const url of urls.filter((url) => !refused.has(url))) {
      const resumed = sizeOf(part) > 0
      const failure = await transfer(url, part, options)
      if (failure) {
        failures.set(url, failure.what)
        if (failure.final) refused.add(url)
        continue
      }
      const got = await md5Of(part)
      if (got === md5) {
        await written(path, () => rename(part, path))
        return
      }
      await written(path, () => rm(part, { force: true }))
      failures.set(url, `a file with checksum ${got} instead of ${md5}`)
      // The part may have been of another file; a whole file that is wrong stays wrong.
      if (!resumed) refused.add(url)
    }
  const said = [...failures].map(([url, what]) => `${what} from ${url}`).join(', ')
  throw new DataError(
    `download: ${path} could not be fetched, got ${said}. Try again, which goes on where this ended, or put the file there yourself.`,
  )
}

/** The MD5 of a file in hexadecimal. Throws DataError if it cannot be read. */
export const md5Of = (path: string): Promise<string> =>
  written(path, async () => {
    const hash = createHash('md5')
    for await (const chunk of createReadStream(path)) hash.update(chunk)
    return hash.digest('hex')
  })

/** Runs what touches the disk. Throws DataError if it cannot: full, write-protected, no such folder. */
export async function written<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw new DataError(
      `download: ${path} cannot be read or written, got ${reason(error)}. Free or choose another place.`,
    )
  }
}

/** Why nothing more came; `final` if asking again is no use. */
interface Failure {
  readonly what: string
  readonly final: boolean
}

/** Brings `part` to its full length. */
async function transfer(
  url: string,
  part: string,
  { onProgress, signal }: DownloadOptions,
): Promise<Failure | undefined> {
  const have = sizeOf(part)
  let file: FileHandle | undefined
  try {
    const response = await fetch(url, {
      // Packed on its way it would come out unpacked, and its checksum wrong.
      headers: { 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
      ...(signal ? { signal } : {}),
    })
    // Nothing lies behind the part: it is whole, or not of this file, as the checksum will say.
    if (have > 0 && response.status === 416) return undefined
    if (!response.ok || response.body === null)
      return { what: `status ${response.status}`, final: response.status < 500 }
    const goesOn = response.status === 206
    const length = Number(response.headers.get('content-length') ?? Number.NaN)
    let done = goesOn ? have : 0
    const total = Number.isFinite(length) ? done + length : undefined
    file = await written(part, () => open(part, goesOn ? 'a' : 'w'))
    for await (const chunk of response.body) {
      await written(part, () => file!.appendFile(chunk))
      done += chunk.length
      onProgress?.(done, total)
    }
    return undefined
  } catch (error) {
    if (error instanceof DataError || signal?.aborted) throw error
    return { what: causeOf(error), final: false }
  } finally {
    await file?.close()
  }
}

/** `fetch failed` and `terminated` say less than what is behind them. */
const causeOf = (error: unknown): string => reason((error as { cause?: unknown })?.cause ?? error)

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0)
