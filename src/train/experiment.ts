import type { Dataset } from '../data/dataset.ts'
import type { DivergedError } from '../errors.ts'
import type { Model } from '../nn/models/model.ts'
import type { Tensor } from '../tensor.ts'
import type { EpochMetrics, StepProgress } from './fit.ts'
import type { Best, FitState } from './fit-state.ts'
import type { Method } from './method.ts'
import type { Trainee } from './trainee.ts'
import type { Training } from './training.ts'

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
  /** How many it has seen; unknown where it was trained before. */
  readonly images?: number
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
  /** A run was stopped because its loss or a gradient became NaN or infinite; the others go on. */
  onDiverged?(run: RunName, error: DivergedError): void
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

/** Whether two names are of the same run and stage. */
export const isRun = (a: RunName, b: RunName): boolean =>
  a.row === b.row && a.seed === b.seed && a.stage === b.stage

/** What stays of a result when its networks may go. */
export const recordOf = ({ trainee: _, bestWeights: __, ...record }: RunResult): RunRecord => record
