export { Adagrad, type AdagradOptions } from './adagrad.ts'
export { Adam, type AdamOptions } from './adam.ts'
export { AdamW, type AdamWOptions } from './adamw.ts'
export { type ClippedNorm, clipGradNorm, clipGradValue } from './clip.ts'
export { type GuardedStep, Optimizer, type OptimizerState } from './optimizer.ts'
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export { cosineAnnealingLR, cosineAnnealingWarmRestarts, type RestartOptions } from './schedules/cosine.ts'
export { exponentialLR, multiStepLR, polynomialLR, stepLR } from './schedules/decay.ts'
export { type OneCycle, type OneCycleOptions, oneCycleLR } from './schedules/one-cycle.ts'
export { type PlateauOptions, type PlateauState, ReduceLROnPlateau } from './schedules/plateau.ts'
export type { Schedule } from './schedules/schedule.ts'
export {
  constantLR,
  type LinearOptions,
  linearLR,
  sequentialLR,
  type WarmupCosineOptions,
  warmupCosine,
} from './schedules/warmup.ts'
export { SGD, type SGDOptions } from './sgd.ts'
