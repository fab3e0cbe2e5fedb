import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../errors.ts'
import { type AnyLoss, isLoss, losses } from '../losses/index.ts'
import { unknownName } from './suggest.ts'

const isFile = (name: string) => /\.[cm]?[jt]s$/.test(name)

/**
 * The losses that a comma-separated list names: published ones by id, a user's own by the path of a file that exports
 * them (TypeScript or JavaScript).
 *
 * @throws UsageError where a name is unknown, a file is missing or exports no loss, or two losses share an id.
 */
export async function loadLosses(list: string): Promise<AnyLoss[]> {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length === 0)
    throw new UsageError(`losses: none is named. Choose from ${[...losses.keys()].join(', ')}.`)
  const found: AnyLoss[] = []
  for (const name of names) {
    if (isFile(name)) found.push(...(await lossesIn(name)))
    else {
      const loss = losses.get(name)
      if (!loss) throw unknownName('losses', name, [...losses.keys()])
      found.push(loss)
    }
  }
  const twice = found.find((loss, i) => found.findIndex((other) => other.id === loss.id) !== i)
  if (twice) throw new UsageError(`losses: ${twice.id} is named twice, got ${list}. Name each loss once.`)
  return found
}

async function lossesIn(path: string): Promise<AnyLoss[]> {
  if (!existsSync(path)) throw new UsageError(`losses: there is no file ${path}. Check the path.`)
  const unregister = /\.[cm]?ts$/.test(path) ? await readTypeScript(path) : () => {}
  try {
    const exported = Object.values((await import(pathToFileURL(resolve(path)).href)) as object)
    const own = exported.filter(isLoss)
    if (own.length === 0)
      throw new UsageError(`losses: ${path} exports no loss. Export what defineLoss returns.`)
    return own
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`losses: ${path} cannot be loaded, got ${(error as Error).message}.`, {
      cause: error,
    })
  } finally {
    unregister()
  }
}

/** Node reads TypeScript itself from 22.18 on; before that `tsx` does, where it is installed. */
async function readTypeScript(path: string): Promise<() => void> {
  if ((process.features as { typescript?: unknown }).typescript) return () => {}
  try {
    const { register } = await import('tsx/esm/api')
    return register()
  } catch {
    throw new UsageError(
      `losses: this Node cannot read TypeScript, got ${path}. Install tsx, use Node 22.18 or later, or give a .js file.`,
    )
  }
}
