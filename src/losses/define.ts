import { KdgradError, ShapeError, show, ValueError } from '../errors.ts'
import { Random } from '../random.ts'
import { Tensor } from '../tensor.ts'
import { type AnyBatch, type Batch, checkBatch, type Need, withoutTeacherGradient } from './batch.ts'
import { checkSpec, isSettings, PARTS, type Part } from './check-spec.ts'
import { type Layer, type LayerKind, layerNames, layersOf } from './layers.ts'
import { type Adapters, Own, type State } from './own.ts'
import {
  checkSettings,
  defaultsOf,
  type Parameters,
  parametersOf,
  type Settings,
  text,
  type Value,
  type ValuesOf,
} from './parameters.ts'

/** How a loss is trained with where nothing else is said: `weight` times the loss plus `ce` times the cross-entropy. */
export interface Mix {
  readonly weight: number
  readonly ce: number
  /** Share of the epochs over which the weight grows linearly, a first step in epoch 1. Default 0. */
  readonly warmup?: number
}

/** What the formula is given: the batch, the teacher detached, and the features that it compares. */
export type Given<N extends Need> = Batch<N> & {
  /** The pairs of features that `layers` of the specification asks for; empty where it asks for none. */
  readonly layers: readonly Layer[]
}

/** Training that comes before the main one: of whatever its objective has a gradient in. */
export interface Preliminary<N extends Need, P, O> {
  /** How many epochs; 0 leaves it out. */
  epochs(params: P): number
  /** Its learning rate as a multiple of the student's. Default: 1. */
  rate?(params: P): number
  /** What it minimises. Default: the loss itself. */
  objective?(batch: Given<N>, params: P, own: O): Tensor
}

/** Everything about a loss but its formula. */
export interface Spec<D extends Parameters, N extends Need, A extends Adapters, S extends State> {
  readonly title?: string
  /** Authors, title, venue, arXiv number. */
  readonly paper?: string
  /** The whole loss in one line. */
  readonly formula?: string
  /** Which published variant it is, where there are several, and what is different on purpose. */
  readonly variant?: string
  /** The parameters with their defaults and where those come from. */
  readonly defaults?: D
  /** What it cannot do without besides the student. Default: the teacher. */
  readonly needs?: readonly N[]
  /** Whether its second view is augmented more strongly than the first. Default: as the first. */
  readonly strongView?: boolean
  /** The features that it compares; makes `layers` a parameter, by which others can be named. */
  readonly layers?: LayerKind
  /** The weights that it is trained with. Default: 1 and 1. */
  readonly mix?: Mix
  /** Networks to train beside the student, sized by a first batch. */
  adapters?(first: Given<N>, params: WithLayers<D>, random: Random): A
  /** What it remembers from step to step, sized by a first batch. */
  state?(first: Given<N>, params: WithLayers<D>, random: Random): S
  /** Training that comes before. */
  readonly preliminary?: Preliminary<N, WithLayers<D>, Own<A, S>>
  /**
   * Logits by name where the student's own are not what it predicts with, or not all: the first entry decides. `student`
   * stands in evaluation mode, and `batch` has no labels.
   */
  predict?(batch: Given<N>, params: WithLayers<D>, own: Own<A, S>): Readonly<Record<string, Tensor>>
}

/** A loss's parameters; `layers` is one of them where it compares features. */
export type WithLayers<D extends Parameters> = ValuesOf<D> & { readonly layers?: string }

export type Formula<D extends Parameters, N extends Need, A extends Adapters, S extends State> = (
  batch: Given<N>,
  params: WithLayers<D>,
  own: Own<A, S>,
) => Tensor

/** Any loss, as those see it that do not know which. */
export interface AnyLoss {
  readonly id: string
  readonly defaults: Settings
  readonly parameters: Parameters
  readonly needs: readonly Need[]
  readonly strongView: boolean
  readonly layers: LayerKind | undefined
  readonly mix: Mix
  readonly about: { readonly [K in 'title' | 'paper' | 'formula' | 'variant']: string | undefined }
  /** Whether it owns adapters or state, so that it must be prepared. */
  readonly owns: boolean
  /** Which of the optional parts of a specification it has. */
  readonly has: readonly Part[]
  /**
   * The loss with its parameters bound, and adapters and state of its own, sized by the shapes of `first` (whose values
   * do not matter). Runs the formula once without computing anything, so that whatever does not fit is said here.
   */
  prepare(first: AnyBatch, params?: Partial<Settings>, options?: { readonly seed?: number }): Prepared
}

/** A loss: call it with a batch to get a scalar. Left-out parameters take their defaults. */
export interface Loss<P extends Settings, N extends Need> extends AnyLoss {
  /** @throws ValueError where it has adapters or state: then `prepare` it. */
  (batch: Batch<N>, params?: Partial<P>): Tensor
  readonly defaults: P
  prepare(first: Batch<N>, params?: Partial<P>, options?: { readonly seed?: number }): Prepared
}

/** A loss that is ready to train. */
export interface Prepared {
  (batch: AnyBatch): Tensor
  readonly loss: AnyLoss
  /** What is in force now. */
  readonly params: Settings
  /**
   * Gives numbers of the formula other values from the next batch on, so that they can be turned while it trains. What
   * sized adapters and state stays as it was.
   *
   * @throws ValueError where a name is unknown or a number is out of range; nothing has changed then.
   */
  turn(numbers: Readonly<Record<string, number>>): void
  /** Adapters and state: what the optimiser trains and a checkpoint saves. */
  readonly own: Own
  /** The layers that it compares, as they are in the first batch. */
  readonly layers: readonly Layer[]
  readonly preliminary: PreparedPreliminary | undefined
  /** Logits by name, the first of which decides; undefined where the student predicts by itself. */
  readonly predict: ((batch: AnyBatch) => Readonly<Record<string, Tensor>>) | undefined
}

export interface PreparedPreliminary {
  readonly epochs: number
  readonly rate: number
  objective(batch: AnyBatch): Tensor
}

/** Whether a value is what `defineLoss` returns, as a file of a user's own losses exports it. */
export const isLoss = (value: unknown): value is AnyLoss =>
  typeof value === 'function' && 'id' in value && 'defaults' in value && 'needs' in value

/**
 * Makes a loss of a formula. The short form takes the defaults as plain values; the long one says what else there is to
 * say: where the defaults come from, what it needs, its adapters and its state.
 *
 * The loss checks batch and parameters where it is called, hands the formula a detached teacher and the features it
 * compares, and checks that a scalar comes out. It throws
 * - ShapeError where the batch is empty, where logits, labels or layers do not fit together, where the result is no scalar;
 * - ValueError where something it needs is missing, a label is no class, a layer does not exist, or a parameter is
 *   unknown or out of range.
 */
export function defineLoss<P extends Plain>(
  id: string,
  defaults: P,
  formula: (batch: Given<'teacher'>, params: Widened<P>) => Tensor,
): Loss<Widened<P>, 'teacher'>
export function defineLoss<
  D extends Parameters = Record<never, never>,
  N extends Need = 'teacher',
  A extends Adapters = Record<never, never>,
  S extends State = Record<never, never>,
>(id: string, spec: Spec<D, N, A, S>, formula: Formula<D, N, A, S>): Loss<WithLayers<D>, N>
export function defineLoss(id: string, given: object, formula: unknown): unknown {
  const spec: AnySpec = isSettings(given) ? { defaults: parametersOf(given) } : given
  checkSpec(id, spec, formula)
  // Whoever defines a loss is held to its types by the overloads above; from here on they are erased.
  return make(id, spec, formula as AnyFormula)
}

/** Any value of the kind of each default. */
type Widened<P extends Settings> = {
  readonly [K in keyof P]: P[K] extends number ? number : P[K] extends string ? string : boolean
}

/** Defaults and nothing else: no entry of a specification. */
type Plain = Settings & { readonly [K in keyof AnySpec]?: never }

/** A specification with its types erased. */
export type AnySpec = Spec<Parameters, Need, Adapters, State>
type AnyFormula = Formula<Parameters, Need, Adapters, State>

/** What the trainer calls the settings of a term: on the command line they stand beside the parameters. */
const TRAINERS = ['weight', 'ceWeight', 'warmup'] as const

function make(id: string, spec: AnySpec, formula: AnyFormula): AnyLoss {
  const needs = spec.needs ?? (['teacher'] as const)
  const layered = spec.layers ? { layers: text('auto', 'this library') } : {}
  const parameters: Parameters = { ...spec.defaults, ...layered }
  const defaults = defaultsOf(parameters) as Settings
  checkSettings(id, parameters, defaults)
  const taken = TRAINERS.find((name) => Object.hasOwn(parameters, name))
  if (taken)
    throw new ValueError(
      `${id}: ${taken} is a name of the trainer's, got it as a parameter. Call the parameter something else.`,
    )
  const owns = spec.adapters !== undefined || spec.state !== undefined
  const demands = { needs, sameClasses: !spec.layers || needs.includes('teacherClassifier') }

  const settled = (params: Readonly<Record<string, Value | undefined>>): WithLayers<Parameters> => {
    checkSettings(id, parameters, params)
    return { ...defaults, ...params } as WithLayers<Parameters>
  }
  const givenOf = (batch: AnyBatch, { layers = 'auto' }: WithLayers<Parameters>): Given<Need> => {
    const without = withoutTeacherGradient(batch)
    const teacher = needs.includes('teacher') ? without.teacher : undefined
    const pairs = spec.layers ? layersOf(id, spec.layers, layers, without.student, teacher) : []
    // What is needed has been checked to be there.
    return { ...(without as Batch<Need>), layers: pairs }
  }
  const bound = (params: WithLayers<Parameters>, own: Own, f: AnyFormula) => (batch: AnyBatch) => {
    checkBatch(id, demands, batch)
    return own.collecting(() =>
      checkScalar(
        id,
        ran(id, () => f(givenOf(batch, params), params, own)),
      ),
    )
  }

  const loss = (batch: AnyBatch, params: Partial<Settings> = {}): Tensor => {
    if (owns)
      throw new ValueError(
        `${id}: it has adapters or state of its own, got a call without them. Call ${id}.prepare(batch) once, and then what it returns.`,
      )
    return bound(settled(params), new Own({}, {}), formula)(batch)
  }
  const prepare = (
    first: AnyBatch,
    params: Partial<Settings> = {},
    { seed = 0 }: { readonly seed?: number } = {},
  ): Prepared => {
    const all = settled(params)
    checkBatch(id, demands, first)
    const sizes = givenOf(first, all)
    const random = new Random(seed).fork(id)
    const own = new Own(
      spec.adapters?.(sizes, all, random.fork('adapters')) ?? {},
      spec.state?.(sizes, all, random.fork('state')) ?? {},
    )
    const { preliminary, predict } = spec
    const prepared = Object.assign(bound(all, own, formula), {
      loss: made,
      params: all as Settings,
      turn: (numbers: Readonly<Record<string, number>>) => {
        checkSettings(id, parameters, numbers)
        Object.assign(all, numbers)
      },
      own,
      layers: sizes.layers,
      preliminary: preliminary && {
        epochs: preliminary.epochs(all),
        rate: preliminary.rate?.(all) ?? 1,
        objective: bound(all, own, (...of) => preliminary.objective?.(...of) ?? formula(...of)),
      },
      predict: predict && ((batch: AnyBatch) => predict(givenOf(batch, all), all, own)),
    })
    prepared(first)
    own.checkUpdates(id)
    prepared.preliminary?.objective(first)
    return prepared
  }
  const { title, paper, formula: line, variant, layers, mix = { weight: 1, ce: 1 } } = spec
  const made: AnyLoss = Object.assign(loss, {
    id,
    defaults,
    parameters,
    needs,
    strongView: spec.strongView ?? false,
    layers,
    mix,
    about: { title, paper, formula: line, variant },
    owns,
    has: PARTS.filter((part) => spec[part] !== undefined),
    prepare,
  })
  return made
}

/** The layers that a loss's parameters name in each network, which must be tapped: none where `layers` is 'auto'. */
export const tapsOf = ({ layers }: { readonly layers?: Value }): { student: string[]; teacher: string[] } =>
  (typeof layers === 'string' ? layerNames(layers) : undefined) ?? { student: [], teacher: [] }

/** What a formula gives. One that throws something of its own says so in the loss's name. */
function ran(id: string, formula: () => Tensor): Tensor {
  try {
    return formula()
  } catch (error) {
    if (error instanceof KdgradError) throw error
    throw new ValueError(
      `${id}: its formula failed, got ${String(error).replace(/\.*$/, '')}. Mend the formula.`,
      {
        cause: error,
      },
    )
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
