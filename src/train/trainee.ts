import type { Dataset } from '../data/dataset.ts'
import { secondView } from '../data/views.ts'
import { ValueError } from '../errors.ts'
import { grad } from '../graph/grad.ts'
import { type Combined, combine, type Need, type Prepared, tapsOf } from '../losses/index.ts'
import type { Model } from '../nn/models/model.ts'
import type { Module } from '../nn/module.ts'
import { tapped } from '../nn/taps.ts'
import type { Tensor } from '../tensor.ts'
import type { Predict } from './evaluate.ts'
import type { ChosenTerm, Method } from './method.ts'
import { checkMixable, onMixed } from './mixed.ts'
import { batchOf, type Sources, type StepPick } from './supplies.ts'

/** A student with everything that its method trains beside it, ready for the first step. */
export interface Trainee {
  readonly student: Model
  /** What is trained or remembered beside the student, by the loss that owns it: none of it is needed for inference. */
  readonly helpers: ReadonlyMap<string, Module>
  /** All that is trained: put into training mode before a step, into evaluation mode before it is judged. */
  readonly modules: readonly Module[]
  readonly terms: readonly (ChosenTerm & { readonly prepared: Prepared })[]
  /** What is minimised. */
  loss(pick: StepPick): Combined
  /** The preliminary stages, in order. */
  readonly preliminary: readonly {
    readonly id: string
    readonly epochs: number
    /** Its learning rate as a multiple of the student's. */
    readonly rate: number
    loss(pick: StepPick): Combined
  }[]
  /** The tensors that a stage's loss has a gradient in: what its optimiser gets. */
  trained(loss: (pick: StepPick) => Combined): Tensor[]
  readonly predict: Predict
}

export interface TraineeOptions extends Omit<Sources, 'taps' | 'teacherFeatures' | 'secondView' | 'peer'> {
  /** Makes another student of the same architecture, for methods that train two. */
  readonly makePeer: () => Model
  readonly batchSize: number
  /** What the weight of a term is now, for those who turn weights while they train; the method's where left out. */
  readonly weightNow?: ((id: string, weight: number) => number) | undefined
  /** Draws the first weights of adapters. */
  readonly seed: number
}

/** More of a teacher than its logits. */
const FEATURES: readonly Need[] = ['teacherClassifier', 'classMaps', 'teacherNorms', 'view']

/**
 * Sizes a method's adapters by a forward pass that computes nothing, and tries its losses on the batch sizes that will
 * come: whatever does not fit is thrown here, before the first step.
 */
export function traineeOf({ id, terms }: Method, options: TraineeOptions): Trainee {
  const { data, student, batchSize, seed, makePeer, weightNow } = options
  const needs = new Set(terms.flatMap(({ loss }) => loss.needs))
  if (options.mixup !== undefined) checkMixable(id, needs)
  const named = terms.map(({ params }) => tapsOf(params))
  const sources: Sources = {
    ...options,
    peer: needs.has('peer') ? makePeer() : undefined,
    taps: {
      student: [...new Set(named.flatMap((taps) => taps.student))],
      teacher: [...new Set(named.flatMap((taps) => (needs.has('teacher') ? taps.teacher : [])))],
    },
    teacherFeatures: terms.some(({ loss }) => loss.layers) || FEATURES.some((need) => needs.has(need)),
    secondView: needs.has('view')
      ? secondView(
          data,
          options.augment,
          terms.some(({ loss }) => loss.strongView),
        )
      : undefined,
  }
  const make = (pick: StepPick) => batchOf(sources, needs, pick)
  const [first, last] = sampleSteps(data, batchSize)
  const batch = make(first)
  const prepared = terms.map((term) => ({
    ...term,
    prepared: term.loss.prepare(batch, term.params, { seed }),
  }))
  const active = prepared.filter(({ weight }) => weight !== 0)
  if (active.length === 0)
    throw new ValueError(
      `train: every weight of ${id} is 0, got ${terms.map(({ loss }) => loss.id).join(', ')}. Give one another weight.`,
    )
  const sum = combine(
    active.map(({ prepared: loss, weight, warmup }) => ({
      loss: options.mixup === undefined ? loss : onMixed(loss),
      weight: weightNow ? () => weightNow(loss.loss.id, weight) : weight,
      warmup,
    })),
  )
  const loss = (pick: StepPick) => sum(make(pick))
  const preliminary = prepared.flatMap(({ loss: { id }, prepared: { preliminary } }) =>
    preliminary && preliminary.epochs > 0
      ? [
          {
            id,
            epochs: preliminary.epochs,
            rate: preliminary.rate,
            loss: (pick: StepPick) => single(id, preliminary.objective(make(pick))),
          },
        ]
      : [],
  )
  for (const stage of [{ loss }, ...preliminary]) stage.loss(last)
  const modules = [
    student,
    ...(sources.peer ? [sources.peer] : []),
    ...prepared.map((term) => term.prepared.own),
  ]
  const parameters = modules.flatMap((module) => module.parameters())
  const judges = active.filter((term) => term.prepared.predict)
  if (judges.length > 1)
    throw new ValueError(
      `train: one loss at most can say how the student predicts, got ${judges.map((term) => term.loss.id).join(' and ')}. Leave one out.`,
    )
  const judge = judges[0]?.prepared
  return {
    student,
    helpers: new Map<string, Module>([
      ...prepared.map((term) => [term.loss.id, term.prepared.own] as const),
      ...(sources.peer ? [['peer', sources.peer] as const] : []),
    ]),
    modules,
    terms: prepared,
    loss,
    preliminary,
    trained: (of) => {
      const gradients = grad(of(first).total, parameters)
      // A gradient that is no graph is a zero: as in PyTorch, what a loss does not reach is left alone.
      return parameters.filter((_, i) => gradients[i]!.op !== null)
    },
    predict: (images) => predictWith(judge, sources, images),
  }
}

const single = (id: string, value: Tensor): Combined => ({
  total: value,
  terms: { [id]: { value, weight: 1 } },
})

/** Steps of the sizes that an epoch has: a whole batch, and what is left over. */
function sampleSteps({ size }: Dataset, batchSize: number): readonly [StepPick, StepPick] {
  const step = (n: number): StepPick => ({
    indices: Array.from({ length: n }, (_, i) => i),
    progress: { epoch: 1, epochs: 1, step: 0 },
  })
  const whole = Math.min(batchSize, size)
  return [step(whole), step(size % whole || whole)]
}

function predictWith(judge: Prepared | undefined, { student, teacher, taps }: Sources, images: Tensor) {
  if (!judge?.predict) return { student: student.forward(images).logits }
  return judge.predict({
    student: tapped(student, images, taps.student),
    teacher: tapped(teacher, images, taps.teacher),
    teacherClassifier: (map) => teacher.classify(map),
  })
}
