import {
  Adagrad,
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  constantLR,
  cosineAnnealingLR,
  cosineAnnealingWarmRestarts,
  exponentialLR,
  linearLR,
  multiStepLR,
  type OneCycle,
  type Optimizer,
  oneCycleLR,
  RMSprop,
  type Schedule,
  SGD,
  warmupCosine,
} from '../optim/index.ts'
import type { Tensor } from '../tensor.ts'

/** How one network is trained. */
export interface Training {
  readonly epochs: number
  /** Instead of epochs; the last one may then end early. */
  readonly steps?: number | undefined
  readonly batchSize: number
  /** What each epoch makes of its images, as in `['crop:4', 'flip']`; as they are where left out. */
  readonly augment?: readonly string[] | undefined
  /** Where the schedule starts from, or the highest of one that climbs. */
  readonly learningRate: number
  readonly optimizer: OptimizerName
  /** Default 0.9 for sgd, with Nesterov's look ahead, and 0 for rmsprop; the others have none. */
  readonly momentum?: number | undefined
  /** Default 5e-4 for sgd, 0.01 for adamw, else 0. */
  readonly weightDecay?: number | undefined
  /** Default cosine. */
  readonly schedule?: ScheduleName | undefined
  /** Steps in which the rate climbs from 0, of `warmup-cosine`. */
  readonly warmupSteps?: number | undefined
  /** Shares of the run after which the rate is multiplied by `gamma`, of `multistep`. Default 5/8, 3/4, 7/8. */
  readonly milestones?: readonly number[] | undefined
  /** Of multistep and exponential. Default 0.1. */
  readonly gamma?: number | undefined
  /** Longest gradient, of all parameters as one vector; none where left out. */
  readonly clipNorm?: number | undefined
  /** Largest element of a gradient; none where left out. */
  readonly clipValue?: number | undefined
  /** Decay of the moving average of the weights by which it is judged; none where left out. */
  readonly averaging?: number | undefined
  /** Judgements without a better validation accuracy after which it ends; none where left out. */
  readonly patience?: number | undefined
}

const DEFAULTS = {
  sgd: { momentum: 0.9, weightDecay: 5e-4 },
  adam: { weightDecay: 0 },
  adamw: { weightDecay: 0.01 },
  rmsprop: { momentum: 0, weightDecay: 0 },
  adagrad: { weightDecay: 0 },
} as const
const MILESTONES = [5 / 8, 3 / 4, 7 / 8]
const GAMMA = 0.1

// What follows is given settings with their defaults written out: see `settingsInForce`.

const optimizers = {
  sgd: (parameters, { learningRate: lr, momentum = 0, weightDecay = 0 }) =>
    new SGD(parameters, { lr, momentum, weightDecay, nesterov: momentum > 0 }),
  adam: (parameters, { learningRate: lr, weightDecay = 0 }) => new Adam(parameters, { lr, weightDecay }),
  adamw: (parameters, { learningRate: lr, weightDecay = 0 }) => new AdamW(parameters, { lr, weightDecay }),
  rmsprop: (parameters, { learningRate: lr, momentum = 0, weightDecay = 0 }) =>
    new RMSprop(parameters, { lr, momentum, weightDecay }),
  adagrad: (parameters, { learningRate: lr, weightDecay = 0 }) =>
    new Adagrad(parameters, { lr, weightDecay }),
} as const satisfies Record<string, (parameters: readonly Tensor[], training: Training) => Optimizer>

const schedules = {
  constant: ({ learningRate }) => constantLR(learningRate, { factor: 1 }),
  cosine: ({ learningRate }, tMax) => cosineAnnealingLR(learningRate, { tMax }),
  // Three runs, each twice as long as the one before.
  restarts: ({ learningRate }, steps) =>
    cosineAnnealingWarmRestarts(learningRate, { t0: Math.max(1, Math.ceil(steps / 7)), tMult: 2 }),
  // Down to `gamma` of it at the end.
  exponential: ({ learningRate, gamma = 1 }, steps) =>
    exponentialLR(learningRate, { gamma: gamma ** (1 / steps) }),
  linear: ({ learningRate }, totalIters) =>
    linearLR(learningRate, { startFactor: 1, endFactor: 0, totalIters }),
  multistep: ({ learningRate, milestones = [], gamma = 1 }, steps) =>
    multiStepLR(learningRate, { milestones: milestones.map((share) => Math.round(share * steps)), gamma }),
  'one-cycle': ({ learningRate }, totalSteps) => oneCycleLR({ maxLr: learningRate, totalSteps }),
  'warmup-cosine': ({ learningRate, warmupSteps = 0 }, steps) =>
    warmupCosine(learningRate, {
      warmupIters: Math.min(warmupSteps, steps - 1),
      tMax: Math.max(1, steps - warmupSteps),
    }),
} as const satisfies Record<string, (training: Training, steps: number) => Schedule | OneCycle>

export type OptimizerName = keyof typeof optimizers
export type ScheduleName = keyof typeof schedules
export const optimizerNames = Object.keys(optimizers) as OptimizerName[]
export const scheduleNames = Object.keys(schedules) as ScheduleName[]

/** The optimiser's and the schedule's settings, defaults written out; nothing of what they do not look at. */
export function settingsInForce(training: Training): Partial<Training> {
  const { optimizer, schedule = 'cosine', momentum, weightDecay, warmupSteps, milestones, gamma } = training
  const defaults = DEFAULTS[optimizer]
  return {
    ...('momentum' in defaults ? { momentum: momentum ?? defaults.momentum } : {}),
    weightDecay: weightDecay ?? defaults.weightDecay,
    ...(schedule === 'warmup-cosine' ? { warmupSteps: warmupSteps ?? 0 } : {}),
    ...(schedule === 'exponential' ? { gamma: gamma ?? GAMMA } : {}),
    ...(schedule === 'multistep' ? { milestones: milestones ?? MILESTONES, gamma: gamma ?? GAMMA } : {}),
  }
}

/** An optimiser of these parameters, with the clipping that is asked for. */
export function optimizerOf(training: Training, parameters: readonly Tensor[]): Optimizer {
  const { clipNorm, clipValue } = training
  const optimizer = optimizers[training.optimizer](parameters, { ...training, ...settingsInForce(training) })
  optimizer.clip = (gradients) => {
    const small = clipValue === undefined ? gradients : clipGradValue(gradients, clipValue)
    return clipNorm === undefined ? small : clipGradNorm(small, clipNorm).clipped
  }
  return optimizer
}

/** Learning rate and, where the schedule moves it, momentum of a step of a run of so many. */
export interface Course {
  readonly schedule: (step: number, steps: number) => number
  readonly momentum?: (step: number, steps: number) => number
}

/** The course of a training. A one-cycle moves the momentum against the rate, as PyTorch's does. */
export function courseOf(training: Training): Course {
  const { schedule: name = 'cosine' } = training
  const settings = { ...training, ...settingsInForce(training) }
  const made = new Map<number, Schedule | OneCycle>()
  const of = (steps: number) => {
    const known = made.get(steps) ?? schedules[name](settings, steps)
    made.set(steps, known)
    return known
  }
  return {
    schedule: (step, steps) => of(steps).at(step),
    ...(name === 'one-cycle'
      ? { momentum: (step: number, steps: number) => (of(steps) as OneCycle).momentumAt(step) }
      : {}),
  }
}

/** The epochs, the last of which may be a part of one, that a training on so many images takes. */
export const epochsOn = (
  { epochs, steps, batchSize }: Pick<Training, 'epochs' | 'steps' | 'batchSize'>,
  images: number,
): number => (steps === undefined ? epochs : Math.ceil(steps / Math.ceil(images / batchSize)))
