import { openDevice } from '../device/open.ts'
import { ValueError } from '../errors.ts'
import { grad } from '../graph/grad.ts'
import { realizeOn } from '../graph/realize.ts'
import { readOn } from '../graph/values.ts'
import { topological } from '../graph/walk.ts'
import type { AnyBatch, Side } from '../losses/batch.ts'
import { type AnyLoss, isLoss } from '../losses/define.ts'
import type { Settings } from '../losses/parameters.ts'
import { type AnyTensor, type Tensor, tensor } from '../tensor.ts'
import { type GradcheckOptions, gradcheck } from './gradcheck.ts'

/** What `defineLoss` returns, or any function of the same kind. */
export type CheckedLoss<B extends AnyBatch> = AnyLoss | ((batch: B) => Tensor)

export interface CheckOptions extends GradcheckOptions {
  /** Parameters that differ from the loss's defaults. */
  readonly params?: Settings
}

/**
 * What every loss owes its user, on one batch: a finite scalar, finite gradients, none to the teacher, and the right
 * one to everything of the student. Use it in a property: `fc.asyncProperty(logitBatch(), (b) => checkLoss(myLoss, b))`;
 * losses on features, labels and the rest take a `distillBatch()`.
 *
 * @throws ValueError that says which promise is broken, with analytic and numeric values.
 */
export async function checkLoss<B extends AnyBatch>(
  loss: CheckedLoss<B>,
  batch: B,
  { params, ...options }: CheckOptions = {},
): Promise<void> {
  await checkFinite(loss, batch, { params })
  const call = callOf(loss, batch, params)
  const used = new Set<AnyTensor>(topological([call(batch)]))
  const slots = learning(batch).filter(({ x }) => used.has(x))
  const report = await gradcheck(
    (...moved: readonly Tensor[]) => call(withTensors(batch, slots, moved)),
    slots.map(({ x }) => x),
    options,
  )
  if (!report.ok) throw new ValueError(`${nameOf(loss)}: ${report}`)
}

/**
 * The part of `checkLoss` that holds for extreme inputs too, where differences are no measure: value and gradients are
 * finite, and no gradient reaches the teacher. Runs on `reference`, and returns the largest entry of the gradient.
 *
 * @throws ValueError that says which promise is broken.
 */
export async function checkFinite<B extends AnyBatch>(
  loss: CheckedLoss<B>,
  batch: B,
  { params }: { readonly params?: Settings | undefined } = {},
): Promise<number> {
  const name = nameOf(loss)
  const [mine, theirs] = [learning(batch), teaching(batch)]
  const copies = [...mine, ...theirs].map(({ x }) => tensor(Float64Array.from(x.host ?? []), x.shape))
  const copied = withTensors(batch, [...mine, ...theirs], copies)
  const value = callOf(loss, copied, params)(copied)
  if (value.size !== 1)
    throw new ValueError(`${name}: a loss is one number, got ${value}. Reduce it, for example with mean().`)
  const gradients = grad(value, copies)
  const reference = await openDevice('reference')
  await realizeOn(reference, [value, ...gradients])
  const read = async (t: Tensor) => Array.from(await readOn(reference, t))
  const v = await read(value)
  if (!v.every(Number.isFinite)) throw new ValueError(`${name}: the value is not finite, got ${v}.`)
  let largest = 0
  for (const [i, g] of gradients.entries()) {
    const { path } = [...mine, ...theirs][i]!
    const entries = await read(g)
    if (!entries.every(Number.isFinite))
      throw new ValueError(`${name}: the gradient is not finite in ${path.join('.')}, got ${entries}.`)
    if (i < mine.length) largest = entries.reduce((most, x) => Math.max(most, Math.abs(x)), largest)
    else if (entries.some((x) => x !== 0))
      throw new ValueError(
        `${name}: a gradient reaches the teacher, got ${entries} in ${path.join('.')}. Detach it.`,
      )
  }
  return largest
}

function callOf<B extends AnyBatch>(
  loss: CheckedLoss<B>,
  batch: B,
  params: Settings | undefined,
): (batch: B) => Tensor {
  return isLoss(loss) ? loss.prepare(batch, params ?? {}) : (loss as (batch: B) => Tensor)
}

/** A float tensor somewhere in a batch. */
interface Slot {
  readonly path: readonly string[]
  readonly x: Tensor
}

/** The tensors of networks that are trained. */
const learning = ({ student, view, partner, peer, classMaps }: AnyBatch): Slot[] => [
  ...slotsOf(['student'], student),
  ...slotsOf(['view', 'student'], view?.student),
  ...slotsOf(['partner'], partner),
  ...slotsOf(['peer'], peer),
  ...(classMaps ? [{ path: ['classMaps', 'student'], x: classMaps.student }] : []),
]

/** The tensors of networks that are not. */
const teaching = ({ teacher, view, formerSelf, classMaps }: AnyBatch): Slot[] => [
  ...slotsOf(['teacher'], teacher),
  ...slotsOf(['view', 'teacher'], view?.teacher),
  ...slotsOf(['formerSelf'], formerSelf),
  ...(classMaps ? [{ path: ['classMaps', 'teacher'], x: classMaps.teacher }] : []),
]

function slotsOf(path: readonly string[], side: Side | undefined): Slot[] {
  if (!side) return []
  const { logits, features = {}, preActivations = {} } = side
  const named = { features, preActivations }
  return [
    { path: [...path, 'logits'], x: logits },
    ...Object.entries(named).flatMap(([kind, tensors]) =>
      Object.entries(tensors).map(([name, x]) => ({ path: [...path, kind, name], x })),
    ),
  ]
}

/** The batch with other tensors in these places. */
function withTensors<B extends AnyBatch>(batch: B, slots: readonly Slot[], tensors: readonly Tensor[]): B {
  return slots.reduce((copy, { path }, i) => replaced(copy, path, tensors[i]!), batch)
}

function replaced<T>(value: T, [key, ...rest]: readonly string[], x: Tensor): T {
  if (key === undefined) return x as T
  const inner = (value as Readonly<Record<string, unknown>>)[key]
  return { ...value, [key]: replaced(inner, rest, x) }
}

const nameOf = (loss: object) =>
  'id' in loss ? String(loss.id) : (loss as { readonly name?: string }).name || 'loss'
