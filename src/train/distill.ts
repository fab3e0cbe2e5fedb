import { balancedSubset, checkDataset, type Dataset } from '../data/dataset.ts'
import type { Model } from '../nn/models/model.ts'
import { crossEntropy } from '../ops/loss.ts'
import { Adam } from '../optim/adam.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { cosine } from '../optim/schedules.ts'
import { SGD } from '../optim/sgd.ts'
import { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { logitsOf } from './evaluate.ts'
import { type EpochMetrics, type FitBatch, fit, type StepProgress } from './fit.ts'

/** How one network is trained. */
export interface Schedule {
  readonly epochs: number
  readonly batchSize: number
  /** Start of the cosine. */
  readonly learningRate: number
  readonly optimizer: 'adam' | 'sgd'
}

/** A student's loss: `ceWeight` * cross-entropy + `weight` * the distillation loss. */
export interface Method {
  /** The loss's id, as rows and files are named. */
  readonly id: string
  readonly ceWeight: number
  readonly weight: number
  /** The distillation loss with its parameters bound. */
  readonly loss: (batch: DistillBatch) => Tensor
}

/** What a distillation loss is given. */
export interface DistillBatch {
  readonly student: { readonly logits: Tensor; readonly features: Readonly<Record<string, Tensor>> }
  readonly teacher: { readonly logits: Tensor }
  readonly labels: Tensor<'int'>
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
}

export interface RunResult extends RunName {
  readonly network: Model
  readonly history: readonly EpochMetrics[]
  /** Test accuracy after the last epoch, 0 to 1. */
  readonly accuracy: number
  readonly seconds: number
  readonly images: number
}

/** Told what happens, as it happens. */
export interface Observer {
  onRun?(run: RunName, steps: number): void
  onStep?(run: RunName, progress: StepProgress): void
  onEpoch?(run: RunName, metrics: EpochMetrics): void
  /** Waited for before the next run starts. */
  onResult?(result: RunResult): void | Promise<void>
}

/** The student alone is also trained at these multiples of the rate, so that nobody takes a better step for distillation. */
const RATES = [1, 0.5, 2] as const

export const aloneRow = (factor: number): string => (factor === 1 ? 'alone' : `alone x${factor}`)

/**
 * Trains the teacher once, then for every seed the student alone at three rates and distilled by every method: all
 * students of a seed start from the same weights and see the same batches in the same order. Stops after the step in
 * progress when `signal` aborts; finished runs have been handed to the observer by then.
 *
 * @throws DataError where the data cannot be trained on: no samples, a label out of range, a pixel that is not finite.
 */
export async function distill(
  experiment: Experiment,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<RunResult[]> {
  const results: RunResult[] = []
  const { train, test, methods, seeds, studentImages } = experiment
  checkDataset(train)
  checkDataset(test)
  const run = async (
    name: RunName,
    network: Model,
    data: Dataset,
    schedule: Schedule,
    loss: (batch: FitBatch) => Tensor,
  ): Promise<RunResult | undefined> => {
    if (signal?.aborted) return undefined
    observer.onRun?.(name, schedule.epochs * Math.ceil(data.size / schedule.batchSize))
    const started = performance.now()
    const history = await fit(network, {
      data,
      test,
      evaluateEvery: experiment.evaluateEvery,
      epochs: schedule.epochs,
      batchSize: schedule.batchSize,
      optimizer: optimizerOf(schedule, network.parameters()),
      schedule: (step, steps) => cosine(schedule.learningRate, step, steps),
      loss,
      random: new Random(name.seed).fork('batches'),
      onStep: (progress) => observer.onStep?.(name, progress),
      onEpoch: (metrics) => observer.onEpoch?.(name, metrics),
      ...(signal ? { signal } : {}),
    })
    const accuracy = history.at(-1)?.testAccuracy
    if (accuracy === undefined || history.length < schedule.epochs) return undefined
    const seconds = (performance.now() - started) / 1000
    const result = { ...name, network, history, accuracy, seconds, images: data.size }
    results.push(result)
    await observer.onResult?.(result)
    return result
  }
  const hard = ({ output, labels }: FitBatch) => crossEntropy(output.logits, labels)

  const seed = seeds[0]!
  const teacher = await run(
    { row: 'teacher', seed },
    experiment.makeTeacher(seed),
    train,
    experiment.teacher,
    hard,
  )
  if (!teacher) return results
  for (const seed of seeds) {
    const data =
      studentImages === undefined
        ? train
        : balancedSubset(train, studentImages, new Random(seed).fork('student images'))
    for (const factor of RATES) {
      const schedule = { ...experiment.student, learningRate: experiment.student.learningRate * factor }
      await run({ row: aloneRow(factor), seed }, experiment.makeStudent(seed), data, schedule, hard)
    }
    // The teacher never changes and sees the same images every epoch: once is enough.
    const teacherLogits = signal?.aborted ? new Float32Array() : await logitsOf(teacher.network, data)
    for (const method of methods) {
      const loss = ({ output, labels, indices }: FitBatch) => {
        const logits = rowsOf(teacherLogits, indices, data.classes)
        const soft = method.loss({ student: output, teacher: { logits }, labels })
        return crossEntropy(output.logits, labels).mul(method.ceWeight).add(soft.mul(method.weight))
      }
      await run({ row: method.id, seed }, experiment.makeStudent(seed), data, experiment.student, loss)
    }
  }
  return results
}

function optimizerOf({ optimizer, learningRate: lr }: Schedule, parameters: readonly Tensor[]): Optimizer {
  return optimizer === 'adam'
    ? new Adam(parameters, { lr })
    : new SGD(parameters, { lr, momentum: 0.9, nesterov: true, weightDecay: 5e-4 })
}

/** Rows of a flat [size * width] array as a tensor [indices, width]. */
function rowsOf(values: Float32Array, indices: readonly number[], width: number): Tensor {
  const rows = new Float32Array(indices.length * width)
  indices.forEach((index, i) => {
    rows.set(values.subarray(index * width, (index + 1) * width), i * width)
  })
  return tensor(rows, [indices.length, width])
}
