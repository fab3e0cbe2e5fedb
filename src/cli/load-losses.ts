import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { KdgradError, UsageError } from '../errors.ts'
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
  for (const { terms } of found) for (const { loss } of terms) checkId(loss, list)
  const twice = found.find(({ id }, i) => found.findIndex((other) => other.id === id) !== i)
  if (twice) throw new UsageError(`losses: ${twice.id} is named twice, got ${list}. Name each loss once.`)
  return found
}

/** Names of rows that are no method's. */
const ROWS = ['teacher', 'alone', 'all']

function checkId(loss: AnyLoss, list: string): void {
  if (ROWS.includes(loss.id) || (losses.get(loss.id) ?? loss) !== loss)
    throw new UsageError(
      `losses: the id ${loss.id} is taken, got another loss of that id in ${list}. Give yours another id.`,
    )
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
    if (error instanceof KdgradError) throw error
    throw new UsageError(`losses: ${path} ${whyNot(error as Error)}`, { cause: error })
  } finally {
    unregister()
  }
}

/** What to say of a file that could not be imported. */
function whyNot({ message }: Error): string {
  if (/Cannot require\(\) ES Module|import statement outside a module/.test(message))
    return 'is CommonJS by the package.json beside it, got import in it. Call it .mts or .mjs, or set "type" to "module" there.'
  return `cannot be loaded, got ${message.split('\n')[0]!.replace(/\.*$/, '')}. Mend the file.`
}

/**
 * Node reads TypeScript itself from 22.18 on; before that `tsx` does, where it is installed. Without the paths of a
 * tsconfig: they could lead to a second copy of this library, whose tensors are none of ours.
 */
async function readTypeScript(path: string): Promise<() => void> {
  if ((process.features as { typescript?: unknown }).typescript) return () => {}
  try {
    const { register } = await import('tsx/esm/api')
    return register({ tsconfig: false })
  } catch {
    throw new UsageError(
      `losses: this Node cannot read TypeScript, got ${path}. Install tsx, use Node 22.18 or later, or give a .js file.`,
    )
  }
}
