import { balancedSubset, checkDataset, type Dataset } from '../data/dataset.ts'
import { type Combined, ce } from '../losses/index.ts'
import type { Model } from '../nn/models/model.ts'
import { Adam } from '../optim/adam.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { cosineAnnealingLR } from '../optim/schedules/cosine.ts'
import { SGD } from '../optim/sgd.ts'
import { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { logitsOf } from './evaluate.ts'
import { type EpochMetrics, fit, type StepProgress } from './fit.ts'
import { type Method, needsTeacher } from './method.ts'
import type { StepPick } from './supplies.ts'
import { type Trainee, traineeOf } from './trainee.ts'

/** How one network is trained. */
export interface Schedule {
  readonly epochs: number
  readonly batchSize: number
  /** Start of the cosine. */
  readonly learningRate: number
  readonly optimizer: 'adam' | 'sgd'
}

export interface Experiment {
  /** The teacher trains on all of it. */
  readonly train: Dataset
  readonly test: Dataset
  /** Labelled images the students get, equally many of each class, drawn anew per seed; all where it is undefined. */
  readonly studentImages: number | undefined
  readonly makeTeacher: (seed: number) => Model
  readonly makeStudent: (seed: number) => Model
  readonly teacher: Schedule
  readonly student: Schedule
  readonly methods: readonly Method[]
  readonly seeds: readonly number[]
  readonly evaluateEvery: number
}

/** One training run of the experiment. */
export interface RunName {
  /** 'teacher', 'alone', 'alone x0.5', 'alone x2' or a method's id. */
  readonly row: string
  readonly seed: number
  /** The loss whose preliminary stage this is. */
  readonly stage?: string
}

export interface RunResult extends RunName {
  readonly trainee: Trainee
  readonly history: readonly EpochMetrics[]
  /** Test accuracy after the last epoch, 0 to 1. */
  readonly accuracy: number
  readonly seconds: number
  readonly images: number
}

/** Told what happens, as it happens. */
export interface Observer {
  /** What a method trains beside the student, once it is sized. */
  onTrainee?(run: RunName, trainee: Trainee): void
  onRun?(run: RunName, steps: number): void
  onStep?(run: RunName, progress: StepProgress): void
  onEpoch?(run: RunName, metrics: EpochMetrics, epochs: number): void
  /** Waited for before the next run starts. */
  onResult?(result: RunResult): void | Promise<void>
}

/** The student alone is also trained at these multiples of the rate, so that nobody takes a better step for distillation. */
const RATES = [1, 0.5, 2] as const

export const aloneRow = (factor: number): string => (factor === 1 ? 'alone' : `alone x${factor}`)

/** Cross-entropy and nothing else: how the teacher and the student alone are trained. */
const hard: Method = { id: 'ce', terms: [{ loss: ce, params: {}, weight: 1, warmup: 0 }] }

/**
 * Trains the teacher once, if any method needs one, then for every seed the student alone at three rates and distilled by every method: all
 * students of a seed start from the same weights and see the same batches in the same order. Stops after the step in
 * progress when `signal` aborts; finished runs have been handed to the observer by then.
 *
 * `checkExperiment` says beforehand whether it can run.
 */
export async function distill(
  experiment: Experiment,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<RunResult[]> {
  const { train, methods, seeds } = experiment
  const results: RunResult[] = []
  const run = async (name: RunName, trainee: Trainee, data: Dataset, schedule: Schedule) => {
    const result = await runOne(experiment, name, trainee, data, schedule, observer, signal)
    if (!result) return undefined
    results.push(result)
    await observer.onResult?.(result)
    return result
  }
  const seed = seeds[0]!
  const teacher = experiment.makeTeacher(seed)
  const known: Known = {}
  const prepare = preparer(experiment, teacher, known)
  const dataOf = (seed: number) => studentDataOf(experiment, seed)

  if (methods.some(needsTeacher)) {
    const own = prepare(hard, teacher, train, seed, experiment.teacher)
    if (!(await run({ row: 'teacher', seed }, own, train, experiment.teacher))) return results
  }
  teacher.eval()
  for (const seed of seeds) {
    const data = dataOf(seed)
    // The teacher never changes and sees the same images every epoch: once is enough.
    if (!signal?.aborted) known.teacher = await logitsOf(teacher, data)
    for (const factor of RATES) {
      const schedule = { ...experiment.student, learningRate: experiment.student.learningRate * factor }
      const student = experiment.makeStudent(seed)
      await run({ row: aloneRow(factor), seed }, prepare(hard, student, data, seed, schedule), data, schedule)
      if (factor === 1 && !signal?.aborted) known.formerSelf = await logitsOf(student, data)
    }
    for (const method of methods) {
      if (signal?.aborted) return results
      const trainee = prepare(method, experiment.makeStudent(seed), data, seed, experiment.student)
      observer.onTrainee?.({ row: method.id, seed }, trainee)
      await run({ row: method.id, seed }, trainee, data, experiment.student)
    }
  }
  return results
}

/**
 * Sizes every method for the networks and the data, and tries its losses without computing anything.
 *
 * @throws DataError where the data cannot be trained on: no samples, a label out of range, a pixel that is not finite.
 * @throws ShapeError or ValueError where a method does not fit the networks or the data.
 */
export function checkExperiment(experiment: Experiment): void {
  const { train, test, makeTeacher, makeStudent, methods, seeds } = experiment
  checkDataset(train)
  checkDataset(test)
  const seed = seeds[0]!
  const data = studentDataOf(experiment, seed)
  const prepare = preparer(experiment, makeTeacher(seed).eval(), {})
  for (const method of methods) prepare(method, makeStudent(seed), data, seed, experiment.student)
}

/** Logits that do not change any more, for the images that the students of a seed get. */
interface Known {
  teacher?: Float32Array
  formerSelf?: Float32Array
}

/** Makes trainees, with what all of them share. Logits that are not known yet count as 0. */
function preparer(experiment: Experiment, teacher: Model, known: Known) {
  return (method: Method, student: Model, data: Dataset, seed: number, { batchSize }: Schedule): Trainee => {
    const unknown = () => new Float32Array(data.size * data.classes)
    return traineeOf(method, {
      data,
      student,
      teacher,
      teacherLogits: () => known.teacher ?? unknown(),
      formerSelfLogits: () => known.formerSelf ?? unknown(),
      random: new Random(seed).fork('supplies'),
      makePeer: () => experiment.makeStudent(new Random(seed).fork('peer').integer(2 ** 31)),
      batchSize,
      seed,
    })
  }
}

function studentDataOf({ train, studentImages }: Experiment, seed: number): Dataset {
  if (studentImages === undefined) return train
  return balancedSubset(train, studentImages, new Random(seed).fork('student images'))
}

/** One run with its preliminary stages; undefined where it was ended early. */
async function runOne(
  { test, evaluateEvery }: Experiment,
  name: RunName,
  trainee: Trainee,
  data: Dataset,
  schedule: Schedule,
  observer: Observer,
  signal: AbortSignal | undefined,
): Promise<RunResult | undefined> {
  const started = performance.now()
  const train = async (
    run: RunName,
    epochs: number,
    loss: (pick: StepPick) => Combined,
    judge?: { predict: Trainee['predict']; test: Dataset; evaluateEvery: number },
  ) => {
    if (signal?.aborted) return undefined
    observer.onRun?.(run, epochs * Math.ceil(data.size / schedule.batchSize))
    const history = await fit({
      name: run.row,
      data,
      modules: trainee.modules,
      optimizer: optimizerOf(schedule, trainee.trained(loss)),
      loss,
      ...(judge ? { judge } : {}),
      epochs,
      batchSize: schedule.batchSize,
      schedule: (step, steps) => cosineAnnealingLR(schedule.learningRate, { tMax: steps }).at(step),
      random: new Random(run.seed).fork(run.stage ? `batches of ${run.stage}` : 'batches'),
      onStep: (progress) => observer.onStep?.(run, progress),
      onEpoch: (metrics) => observer.onEpoch?.(run, metrics, epochs),
      ...(signal ? { signal } : {}),
    })
    return history.length === epochs ? history : undefined
  }
  for (const { id, epochs, loss } of trainee.preliminary)
    if (!(await train({ ...name, stage: id }, epochs, loss))) return undefined
  const { predict } = trainee
  const history = await train(name, schedule.epochs, trainee.loss, { predict, test, evaluateEvery })
  const accuracy = history?.at(-1)?.testAccuracy
  if (!history || accuracy === undefined) return undefined
  const seconds = (performance.now() - started) / 1000
  return { ...name, trainee, history, accuracy, seconds, images: data.size }
}

function optimizerOf({ optimizer, learningRate: lr }: Schedule, parameters: readonly Tensor[]): Optimizer {
  return optimizer === 'adam'
    ? new Adam(parameters, { lr })
    : new SGD(parameters, { lr, momentum: 0.9, nesterov: true, weightDecay: 5e-4 })
}
