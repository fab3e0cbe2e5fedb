import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where `kdgrad data fetch` puts a data set, and where it is looked for. */
export const cacheFolder = (name: string): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kdgrad', name)
