import { balancedSubset, checkDataset, type Dataset } from '../data/dataset.ts'
import { type Combined, ce } from '../losses/index.ts'
import type { Model } from '../nn/models/model.ts'
import { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { augmentationOf } from './augmentations.ts'
import { accuraciesOf, logitsOf } from './evaluate.ts'
import { type EpochMetrics, fit, type StepProgress } from './fit.ts'
import type { Best, FitState } from './fit-state.ts'
import type { Judge } from './judge.ts'
import { type Method, needsTeacher } from './method.ts'
import type { StepPick } from './supplies.ts'
import { type Trainee, traineeOf } from './trainee.ts'
import { momentumOf, optimizerOf, scheduleOf, type Training } from './training.ts'

export interface Experiment {
  /** The teacher trains on all of it. */
  readonly train: Dataset
  readonly test: Dataset
  /** Held back from training: chooses the best epoch; none where left out. */
  readonly validation?: Dataset | undefined
  /** Labelled images the students get, equally many of each class, drawn anew per seed; all where it is undefined. */
  readonly studentImages: number | undefined
  readonly makeTeacher: (seed: number) => Model
  /** What the teacher holds, where it has been trained before: then it is only judged. */
  readonly teacherWeights?: ReadonlyMap<string, Tensor> | undefined
  readonly makeStudent: (seed: number) => Model
  readonly teacher: Training
  readonly student: Training
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
  readonly stage?: string | undefined
}

/** A preliminary stage that is over. */
export interface StageRecord {
  readonly stage: string
  readonly history: readonly EpochMetrics[]
}

/** What a finished run has come to, as plain values. */
export interface RunRecord extends RunName {
  readonly history: readonly EpochMetrics[]
  readonly stages: readonly StageRecord[]
  /** Test accuracy after the last epoch, 0 to 1. */
  readonly accuracy: number
  /** Of the epoch with the highest validation accuracy, where there is a validation set. */
  readonly best?: Omit<Best, 'tensors'>
  readonly seconds: number
  readonly images: number
}

export interface RunResult extends RunRecord {
  readonly trainee: Trainee
  /** What the student held at its best epoch, by its own names. */
  readonly bestWeights?: ReadonlyMap<string, Tensor>
}

/** The run in progress: its stage, those before, and how long it has taken. */
export interface RunState {
  readonly run: RunName
  readonly stages: readonly StageRecord[]
  readonly seconds: number
  readonly fit: FitState
}

/** Where an experiment stands. */
export interface ExperimentState {
  readonly finished: readonly RunRecord[]
  readonly current?: RunState | undefined
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
  /** Waited for: every `checkpointEvery` steps, after each run, and where it is ended early. */
  onCheckpoint?(state: ExperimentState): Promise<void>
}

export interface DistillOptions {
  readonly observer?: Observer
  /** Ends the experiment after the step in progress. */
  readonly signal?: AbortSignal
  /** Steps between checkpoints; none within a run where left out. */
  readonly checkpointEvery?: number | undefined
  /** Goes on from here, as if it had never stopped. */
  readonly from?: ExperimentState & {
    /** What the network of a finished run holds. */
    readonly weightsOf: (run: RunName) => ReadonlyMap<string, Tensor>
  }
}

/** The student alone is also trained at these multiples of the rate, so that nobody takes a better step for distillation. */
const RATES = [1, 0.5, 2] as const

export const aloneRow = (factor: number): string => (factor === 1 ? 'alone' : `alone x${factor}`)

/** Cross-entropy and nothing else: how the teacher and the student alone are trained. */
const hard: Method = { id: 'ce', terms: [{ loss: ce, params: {}, weight: 1, warmup: 0 }] }

/**
 * Trains the teacher once, if any method needs one, then for every seed the student alone at three rates and distilled by every method: all
 * students of a seed start from the same weights and see the same batches in the same order. Stops after the step in
 * progress when the signal aborts; finished runs have been handed to the observer by then.
 *
 * `checkExperiment` says beforehand whether it can run.
 */
export async function distill(experiment: Experiment, options: DistillOptions = {}): Promise<RunRecord[]> {
  const { train, methods, seeds } = experiment
  const { observer = {}, signal, from } = options
  const finished: RunRecord[] = []
  const run = async (
    name: RunName,
    trainee: Trainee,
    data: Dataset,
    training: Training,
    weights?: ReadonlyMap<string, Tensor>,
  ) => {
    const known = from?.finished.find((record) => isRun(record, name))
    if (known) {
      trainee.student.loadStateDict(from!.weightsOf(name))
      finished.push(known)
      return known
    }
    if (signal?.aborted) return undefined
    const result = weights
      ? await judgedOnly(name, trainee, weights, experiment.test)
      : await runOne(experiment, name, trainee, data, training, options, finished)
    if (!result) return undefined
    const { trainee: _, bestWeights: __, ...record } = result
    finished.push(record)
    await observer.onResult?.(result)
    await observer.onCheckpoint?.({ finished })
    return record
  }
  const seed = seeds[0]!
  const teacher = experiment.makeTeacher(seed)
  const known: Known = {}
  const prepare = preparer(experiment, teacher, known)

  if (methods.some(needsTeacher)) {
    const name = { row: 'teacher', seed }
    const own = prepare(hard, teacher, train, seed, experiment.teacher)
    if (!(await run(name, own, train, experiment.teacher, experiment.teacherWeights))) return finished
  }
  teacher.eval()
  for (const seed of seeds) {
    const data = studentDataOf(experiment, seed)
    // The teacher never changes; where it sees the same images every epoch, once is enough.
    if (!signal?.aborted && !experiment.student.augment?.length) known.teacher = await logitsOf(teacher, data)
    for (const factor of RATES) {
      const training = { ...experiment.student, learningRate: experiment.student.learningRate * factor }
      const student = experiment.makeStudent(seed)
      await run({ row: aloneRow(factor), seed }, prepare(hard, student, data, seed, training), data, training)
      if (factor === 1 && !signal?.aborted) known.formerSelf = await logitsOf(student, data)
    }
    for (const method of methods) {
      if (signal?.aborted) return finished
      const trainee = prepare(method, experiment.makeStudent(seed), data, seed, experiment.student)
      observer.onTrainee?.({ row: method.id, seed }, trainee)
      await run({ row: method.id, seed }, trainee, data, experiment.student)
    }
  }
  return finished
}

/** A network that has been trained before. */
async function judgedOnly(
  name: RunName,
  trainee: Trainee,
  weights: ReadonlyMap<string, Tensor>,
  test: Dataset,
): Promise<RunResult> {
  trainee.student.loadStateDict(weights)
  trainee.student.eval()
  const [accuracy] = Object.values(await accuraciesOf(trainee.predict, test))
  return { ...name, trainee, history: [], stages: [], accuracy: accuracy!, seconds: 0, images: 0 }
}

const isRun = (a: RunName, b: RunName): boolean => a.row === b.row && a.seed === b.seed && a.stage === b.stage

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
  const teacher = makeTeacher(seed).eval()
  if (experiment.teacherWeights) teacher.loadStateDict(experiment.teacherWeights)
  const prepare = preparer(experiment, teacher, {})
  prepare(hard, teacher, train, seed, experiment.teacher)
  for (const method of [hard, ...methods]) prepare(method, makeStudent(seed), data, seed, experiment.student)
}

/** Logits that do not change any more, for the images that the students of a seed get. */
interface Known {
  teacher?: Float32Array
  formerSelf?: Float32Array
}

/** Makes trainees, with what all of them share. Logits that are not known yet count as 0. */
function preparer(experiment: Experiment, teacher: Model, known: Known) {
  return (
    method: Method,
    student: Model,
    data: Dataset,
    seed: number,
    { batchSize, augment = [] }: Training,
  ): Trainee => {
    const unknown = () => new Float32Array(data.size * data.classes)
    return traineeOf(method, {
      data,
      student,
      teacher,
      teacherLogits: () => known.teacher ?? unknown(),
      formerSelfLogits: () => known.formerSelf ?? unknown(),
      augment: augmentationOf(augment, data),
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
  { test, validation, evaluateEvery }: Experiment,
  name: RunName,
  trainee: Trainee,
  data: Dataset,
  training: Training,
  { observer = {}, signal, checkpointEvery, from }: DistillOptions,
  finished: readonly RunRecord[],
): Promise<RunResult | undefined> {
  const current =
    from?.current && isRun({ ...from.current.run, stage: undefined }, name) ? from.current : undefined
  const begun = performance.now() - 1000 * (current?.seconds ?? 0)
  const seconds = () => (performance.now() - begun) / 1000
  const stages: StageRecord[] = [...(current?.stages ?? [])]
  const perEpoch = Math.ceil(data.size / training.batchSize)
  const stage = (run: RunName, epochs: number, loss: (pick: StepPick) => Combined, judge?: Judge) => {
    const steps = judge ? training.steps : undefined
    observer.onRun?.(run, steps ?? epochs * perEpoch)
    return fit(
      {
        name: run.row,
        data,
        modules: trainee.modules,
        optimizer: optimizerOf(training, trainee.trained(loss)),
        loss,
        judge,
        epochs,
        steps,
        batchSize: training.batchSize,
        schedule: scheduleOf(training),
        momentum: momentumOf(training),
        random: new Random(run.seed).fork(run.stage ? `batches of ${run.stage}` : 'batches'),
        ...(judge ? { averaging: training.averaging, patience: training.patience } : {}),
        checkpointEvery,
        onCheckpoint: (fit) =>
          observer.onCheckpoint?.({ finished, current: { run, stages, seconds: seconds(), fit } }) ??
          Promise.resolve(),
        onStep: (progress) => observer.onStep?.(run, progress),
        onEpoch: (metrics) => observer.onEpoch?.(run, metrics, epochs),
        signal,
      },
      current && isRun(current.run, run) ? current.fit : undefined,
    )
  }
  // A stage before the one that is gone on with is over: what it left is in the modules.
  const over = trainee.preliminary.findIndex(({ id }) => id === current?.run.stage)
  const left = current ? (over < 0 ? [] : trainee.preliminary.slice(over)) : trainee.preliminary
  for (const { id, epochs, loss } of left) {
    const { history, done } = await stage({ ...name, stage: id }, epochs, loss)
    if (!done) return undefined
    stages.push({ stage: id, history })
  }
  const epochs = training.steps === undefined ? training.epochs : Math.ceil(training.steps / perEpoch)
  const judge = { predict: trainee.predict, test, validation, every: evaluateEvery }
  const { history, best, done } = await stage(name, epochs, trainee.loss, judge)
  const accuracy = history.at(-1)?.testAccuracy
  if (!done || accuracy === undefined) return undefined
  return {
    ...name,
    trainee,
    history,
    stages,
    accuracy,
    ...(best ? bestOf(best) : {}),
    seconds: seconds(),
    images: data.size,
  }
}

function bestOf({ tensors, ...best }: Best): Pick<RunResult, 'best' | 'bestWeights'> {
  // The student is the first of the modules.
  const own = [...tensors].filter(([name]) => name.startsWith('0.'))
  return { best, bestWeights: new Map(own.map(([name, tensor]) => [name.slice('0.'.length), tensor])) }
}
