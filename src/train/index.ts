// Training: one run (`fit`), a student with its method (`traineeOf`), a whole experiment (`distill`). Nothing here touches
// files: the observer is told what to keep.

export { augmentationNames, augmentationOf } from './augmentations.ts'
export { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'
export { checkExperiment, distill } from './distill.ts'
export { accuraciesOf, accuracyOf, logitsOf, predictions } from './evaluate.ts'
export type {
  DistillOptions,
  Experiment,
  ExperimentState,
  Observer,
  RunName,
  RunRecord,
  RunResult,
} from './experiment.ts'
export { type EpochMetrics, type FitOptions, type Fitted, fit, type StepProgress } from './fit.ts'
export type { FitState } from './fit-state.ts'
export { type ChosenTerm, type Method, termsOf } from './method.ts'
export { type Recipe, recipeOf } from './recipes.ts'
export { type Mean, type SummaryRow, summarise } from './summary.ts'
export type { StepPick } from './supplies.ts'
export { type Trainee, type TraineeOptions, traineeOf } from './trainee.ts'
export { atRate, type Course, courseOf, optimizerOf, type Training } from './training.ts'
