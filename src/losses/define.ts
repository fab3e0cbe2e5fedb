import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { checkLabels, isLabels } from '../ops/loss.ts'
import { sameShape } from '../shape.ts'
import { Tensor } from '../tensor.ts'

/** What a network gives for a batch. */
export interface Side {
  /** [N, C], before any softmax. */
  readonly logits: Tensor
  /** Feature maps [N, C, H, W] and pooled features [N, D] by name. */
  readonly features?: Readonly<Record<string, Tensor>> | undefined
}

/** Class numbers [N], or soft targets [N, C] such as mixup makes. */
export type Labels = Tensor<'int'> | Tensor

/** What a loss can ask for besides the student; whoever calls it supplies what it declares in `needs`. */
export interface Supplies {
  /** Detached before the formula sees it: no gradient reaches the teacher. */
  readonly teacher: Side
  readonly labels: Labels
}

export type Need = keyof Supplies

/** One batch: the student, what the loss needs, and whatever else there is. */
export type Batch<N extends Need = 'teacher'> = { readonly student: Side } & Pick<Supplies, N> & {
    readonly [K in Need]?: Supplies[K] | undefined
  }

/** A loss's parameters: finite numbers, which the command line offers as flags. */
export type Settings = Readonly<Record<string, number>>

/** What the command line and the docs say about a loss. */
export interface About<P extends Settings = Settings, N extends Need = Need> {
  readonly title?: string
  /** Authors, title, venue, arXiv number. */
  readonly paper?: string
  /** The whole loss in one line. */
  readonly formula?: string
  /** Where each default comes from. */
  readonly source?: { readonly [K in keyof P]?: string }
  /** What it cannot do without besides the student. Default: the teacher. */
  readonly needs?: readonly N[]
  /** The weights that it is trained with beside the cross-entropy. Default: 1 and 1. */
  readonly mix?: Mix
}

/** A training loss is `weight` times the loss plus `ce` times the cross-entropy. */
export interface Mix {
  readonly weight: number
  readonly ce: number
}

/** A loss: call it with a batch to get a scalar. Left-out parameters take their defaults. */
export interface Loss<P extends Settings, N extends Need> {
  (batch: Batch<N>, params?: Partial<P>): Tensor
  readonly id: string
  readonly defaults: P
  readonly needs: readonly N[]
  readonly mix: Mix
  readonly about: About<P, N>
}

/** Any loss, called with everything there is. */
export type AnyLoss = Loss<Settings, Need>

/** Whether a value is what `defineLoss` returns, as a file of a user's own losses exports it. */
export const isLoss = (value: unknown): value is AnyLoss =>
  typeof value === 'function' && 'id' in value && 'defaults' in value && 'needs' in value

/**
 * Makes a loss of a formula and its defaults. The loss checks the batch and the parameters where it is called, hands
 * the formula a detached teacher, and checks that a scalar comes out.
 *
 * The loss throws
 * - ShapeError where the batch is empty, where logits or labels do not fit together, where the result is no scalar;
 * - ValueError where something it needs is missing, a label is no class, or a parameter is unknown or out of range
 *   (a `temperature` must be positive, every other parameter finite).
 */
export function defineLoss<P extends Settings, N extends Need = 'teacher'>(
  id: string,
  defaults: P,
  formula: (batch: Batch<N>, params: P) => Tensor,
  about: About<P, N> = {},
): Loss<P, N> {
  const needs: readonly Need[] = about.needs ?? ['teacher']
  checkSettings(id, defaults, defaults)
  const loss = (batch: Batch<N>, params: Partial<P> = {}): Tensor => {
    checkSettings(id, defaults, params)
    checkBatch(id, needs, batch)
    return checkScalar(id, formula(withoutTeacherGradient(batch), { ...defaults, ...params }))
  }
  return Object.assign(loss, {
    id,
    defaults: Object.freeze({ ...defaults }),
    needs: needs as N[],
    mix: about.mix ?? { weight: 1, ce: 1 },
    about,
  })
}

function checkSettings(id: string, defaults: Settings, params: Partial<Settings>): void {
  for (const [name, value] of Object.entries(params)) {
    if (!Object.hasOwn(defaults, name))
      throw new ValueError(
        `${id}: there is no parameter ${name}, got ${name} = ${value}. ${Object.keys(defaults).length === 0 ? 'It takes none.' : `Choose from ${Object.keys(defaults).join(', ')}.`}`,
      )
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new ValueError(`${id}: ${name} must be a finite number, got ${value}. Give a number.`)
    if (name === 'temperature' && value <= 0)
      throw new ValueError(`${id}: temperature must be positive, got ${value}. Give a number above 0.`)
  }
}

const missing: Readonly<Record<Need, string>> = {
  teacher: 'needs a teacher, got none. Give teacher: { logits } in the batch.',
  labels: 'needs labels, got none. Give class numbers [N] or soft targets [N, C] as labels in the batch.',
}

function checkBatch(id: string, needs: readonly Need[], batch: Batch<never>): void {
  for (const need of needs) if (!batch[need]) throw new ValueError(`${id}: ${missing[need]}`)
  const shape = checkLogits(id, 'student', batch.student)
  if (needs.includes('teacher')) {
    const other = checkLogits(id, 'teacher', batch.teacher!)
    if (!sameShape(shape, other))
      throw new ShapeError(
        `${id}: student and teacher logits differ in shape, got ${showAll([shape, other])}. Give logits of the same samples and classes.`,
      )
  }
  if (needs.includes('labels')) checkTargets(id, batch.labels!, shape)
}

function checkLogits(id: string, who: 'student' | 'teacher', side: Side): readonly [number, number] {
  const logits: unknown = side?.logits
  if (!(logits instanceof Tensor))
    throw new ValueError(
      `${id}: ${who} logits must be a tensor, got ${typeof logits}. Give ${who}: { logits } in the batch.`,
    )
  if (logits.dtype !== 'float')
    throw new ValueError(
      `${id}: ${who} logits must be a float tensor, got ${logits.dtype} ${show(logits.shape)}. Convert them with toFloat().`,
    )
  if (logits.rank !== 2)
    throw new ShapeError(`${id}: ${who} logits must be [N, C], got ${show(logits.shape)}. Reshape them.`)
  if (logits.size === 0)
    throw new ShapeError(
      `${id}: the batch is empty, got ${who} logits ${show(logits.shape)}. Give at least one sample and one class.`,
    )
  return logits.shape as readonly [number, number]
}

function checkTargets(id: string, labels: Labels, [n, c]: readonly [number, number]): void {
  if (!sameShape(labels.shape, isLabels(labels) ? [n] : [n, c]))
    throw new ShapeError(
      `${id}: the labels do not fit the logits, got ${labels.dtype} ${showAll([labels.shape, [n, c]])}. Give class numbers [${n}] as an 'int' tensor, or soft targets [${n}, ${c}].`,
    )
  if (isLabels(labels)) checkLabels(id, labels, c)
}

function withoutTeacherGradient<N extends Need>(batch: Batch<N>): Batch<N> {
  const teacher: Side | undefined = batch.teacher
  if (!teacher) return batch
  const features = Object.entries(teacher.features ?? {}).map(([name, x]) => [name, x.detach()] as const)
  return {
    ...batch,
    teacher: {
      logits: teacher.logits.detach(),
      ...(teacher.features && { features: Object.fromEntries(features) }),
    },
  }
}

function checkScalar(id: string, loss: Tensor): Tensor {
  if (!((loss as unknown) instanceof Tensor))
    throw new ValueError(`${id}: the formula must return a tensor, got ${typeof loss}. Return the loss.`)
  if (loss.rank !== 0)
    throw new ShapeError(
      `${id}: the loss is not a scalar, got ${show(loss.shape)}. Reduce it, for example with mean().`,
    )
  return loss
}
