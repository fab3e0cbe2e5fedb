import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../errors.ts'
import { type AnyLoss, isLoss, losses } from '../losses/index.ts'
import { unknownName } from './suggest.ts'

const isFile = (name: string) => /\.[cm]?[jt]s$/.test(name)

/** A training loss as the command line names it. */
export interface Choice {
  /** What its row is called: a loss's id, or the whole sum. */
  readonly id: string
  /** Its summands. A weight that is not written is the published one, and brings its share of cross-entropy with it. */
  readonly terms: readonly { readonly loss: AnyLoss; readonly weight: number | undefined }[]
}

/**
 * The training losses that a comma-separated list names: published ones by id, a user's own by the path of a file that
 * exports them (TypeScript or JavaScript), sums such as `ce + 0.9*kldiv + 0.8*crd`, or `all` that are published.
 *
 * @throws UsageError where a name is unknown, a file is missing or exports no loss, a weight is no number, or an entry
 * comes twice.
 */
export async function loadLosses(list: string): Promise<Choice[]> {
  const entries = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  if (entries.length === 0)
    throw new UsageError(`losses: none is named. Choose from all, ${[...losses.keys()].join(', ')}.`)
  const found: Choice[] = []
  for (const entry of entries) found.push(...(await choicesOf(entry)))
  const twice = found.find(({ id }, i) => found.findIndex((other) => other.id === id) !== i)
  if (twice) throw new UsageError(`losses: ${twice.id} is named twice, got ${list}. Name each loss once.`)
  return found
}

const alone = (loss: AnyLoss): Choice => ({ id: loss.id, terms: [{ loss, weight: undefined }] })

async function choicesOf(entry: string): Promise<Choice[]> {
  if (entry === 'all') return [...losses.values()].filter(({ id }) => id !== 'ce').map(alone)
  if (isFile(entry) && !isSum(entry)) return (await lossesIn(entry)).map(alone)
  if (!isSum(entry)) return [alone(published(entry))]
  const terms: { loss: AnyLoss; weight: number }[] = []
  for (const summand of entry.split('+').map((part) => part.trim())) {
    const [, factor, name] = /^(?:([^*]*)\*)?([^*]*)$/.exec(summand) ?? []
    const weight = factor === undefined ? 1 : Number(factor.trim() || Number.NaN)
    if (!name?.trim() || !Number.isFinite(weight))
      throw new UsageError(
        `losses: a sum is made of ids and weights, got ${summand || 'nothing'} in ${entry}. Write it as in ce + 0.9*kldiv.`,
      )
    for (const loss of isFile(name) ? await lossesIn(name.trim()) : [published(name.trim())])
      terms.push({ loss, weight })
  }
  const twice = terms.find(({ loss }, i) => terms.findIndex((other) => other.loss.id === loss.id) !== i)
  if (twice)
    throw new UsageError(`losses: ${twice.loss.id} is twice in one sum, got ${entry}. Add up its weights.`)
  const shown = terms.map(({ loss: { id }, weight }) => (weight === 1 ? id : `${weight}*${id}`))
  return [{ id: shown.join(' + '), terms }]
}

const isSum = (entry: string) => /[*+]/.test(entry) && !existsSync(entry)

function published(id: string): AnyLoss {
  const loss = losses.get(id)
  if (!loss) throw unknownName('losses', id, [...losses.keys()])
  return loss
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
