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
  polynomialLR,
  ReduceLROnPlateau,
  RMSprop,
  type Schedule,
  SGD,
  stepLR,
  warmupCosine,
} from '../optim/index.ts'
import type { Tensor } from '../tensor.ts'
import type { EpochMetrics } from './fit.ts'

/** How one network is trained. */
export interface Training {
  readonly epochs: number
  /** Instead of epochs; the last one may then end early. */
  readonly steps?: number | undefined
  readonly batchSize: number
  /** What each epoch makes of its images, as in `['crop:4', 'flip']`; as they are where left out. */
  readonly augment?: readonly string[] | undefined
  /** Mixes the images and labels of each step, by shares of Beta(mixup, mixup); none where left out. */
  readonly mixup?: number | undefined
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
  /** Share of the run after which, again and again, `step` multiplies the rate by `gamma`. Default 1/3. */
  readonly stepSize?: number | undefined
  /** Of step, multistep, exponential and plateau. Default 0.1. */
  readonly gamma?: number | undefined
  /** Of polynomial. Default 1. */
  readonly power?: number | undefined
  /** Judgements without a better validation accuracy that `plateau` puts up with. Default 2. */
  readonly plateauPatience?: number | undefined
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
const STEP_SIZE = 1 / 3
const GAMMA = 0.1
const POWER = 1
const PLATEAU_PATIENCE = 2

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
  step: ({ learningRate, stepSize = 1, gamma = 1 }, steps) =>
    stepLR(learningRate, { stepSize: Math.max(1, Math.round(stepSize * steps)), gamma }),
  polynomial: ({ learningRate, power = 1 }, totalIters) => polynomialLR(learningRate, { totalIters, power }),
  // Made anew from what has been judged so far, so that there is nothing to remember for a run that goes on.
  plateau: ({ learningRate, gamma = 1, plateauPatience = 0 }, _, history) => {
    const made = new ReduceLROnPlateau(learningRate, {
      mode: 'max',
      factor: gamma,
      patience: plateauPatience,
    })
    for (const { validationAccuracy } of history)
      if (validationAccuracy !== undefined) made.observe(validationAccuracy)
    return made
  },
  'one-cycle': ({ learningRate }, totalSteps) => oneCycleLR({ maxLr: learningRate, totalSteps }),
  'warmup-cosine': ({ learningRate, warmupSteps = 0 }, steps) =>
    warmupCosine(learningRate, {
      warmupIters: Math.min(warmupSteps, steps - 1),
      tMax: Math.max(1, steps - warmupSteps),
    }),
} as const satisfies Record<
  string,
  (training: Training, steps: number, history: History) => Schedule | OneCycle
>

export type OptimizerName = keyof typeof optimizers
export type ScheduleName = keyof typeof schedules
export const optimizerNames = Object.keys(optimizers) as OptimizerName[]
export const scheduleNames = Object.keys(schedules) as ScheduleName[]

/** The same at so many times its learning rate. */
export const atRate = (training: Training, factor: number): Training => ({
  ...training,
  learningRate: factor * training.learningRate,
})

/** The optimiser's and the schedule's settings, defaults written out; nothing of what they do not look at. */
export function settingsInForce(training: Training): Partial<Training> {
  const { optimizer, schedule = 'cosine', momentum, weightDecay, warmupSteps, milestones } = training
  const { stepSize, gamma, power, plateauPatience } = training
  const defaults = DEFAULTS[optimizer]
  const of = (...names: readonly ScheduleName[]) => names.includes(schedule)
  return {
    ...('momentum' in defaults ? { momentum: momentum ?? defaults.momentum } : {}),
    weightDecay: weightDecay ?? defaults.weightDecay,
    ...(of('warmup-cosine') ? { warmupSteps: warmupSteps ?? 0 } : {}),
    ...(of('multistep') ? { milestones: milestones ?? MILESTONES } : {}),
    ...(of('step') ? { stepSize: stepSize ?? STEP_SIZE } : {}),
    ...(of('step', 'multistep', 'exponential', 'plateau') ? { gamma: gamma ?? GAMMA } : {}),
    ...(of('polynomial') ? { power: power ?? POWER } : {}),
    ...(of('plateau') ? { plateauPatience: plateauPatience ?? PLATEAU_PATIENCE } : {}),
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

type History = readonly Pick<EpochMetrics, 'validationAccuracy'>[]

/** Learning rate and, where the schedule moves it, momentum of a step of a run of so many. */
export interface Course {
  readonly schedule: (step: number, steps: number, history: History) => number
  readonly momentum?: (step: number, steps: number) => number
}

/** The course of a training. A one-cycle moves the momentum against the rate, as PyTorch's does. */
export function courseOf(training: Training): Course {
  const { schedule: name = 'cosine' } = training
  const settings = { ...training, ...settingsInForce(training) }
  const made = new Map<string, Schedule | OneCycle>()
  const of = (steps: number, history: History) => {
    const key = `${steps} ${name === 'plateau' ? history.length : ''}`
    const known = made.get(key) ?? schedules[name](settings, steps, history)
    made.set(key, known)
    return known
  }
  return {
    schedule: (step, steps, history) => of(steps, history).at(step),
    ...(name === 'one-cycle'
      ? { momentum: (step: number, steps: number) => (of(steps, []) as OneCycle).momentumAt(step) }
      : {}),
  }
}

/** The epochs, the last of which may be a part of one, that a training on so many images takes. */
export const epochsOn = (
  { epochs, steps, batchSize }: Pick<Training, 'epochs' | 'steps' | 'batchSize'>,
  images: number,
): number => (steps === undefined ? epochs : Math.ceil(steps / Math.ceil(images / batchSize)))
