import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { augmentationNames } from '../train/augmentations.ts'
import { optimizerNames, scheduleNames, type Training } from '../train/training.ts'
import { kebab } from './kebab.ts'
import { count, nonNegative, positive, share, shareBelowOne, whole } from './numbers.ts'

/** How a network is trained, as far as flags say it. */
export interface TrainingFlags {
  readonly epochs?: number
  readonly steps?: number
  readonly batch: number
  readonly augment?: readonly string[]
  readonly mixup?: number
  readonly lr: number
  readonly optimizer: Training['optimizer']
  readonly momentum?: number
  readonly weightDecay?: number
  readonly schedule: NonNullable<Training['schedule']>
  readonly warmupSteps?: number
  readonly milestones?: readonly number[]
  readonly stepSize?: number
  readonly gamma?: number
  readonly power?: number
  readonly plateauPatience?: number
  readonly clipNorm?: number
  readonly clipValue?: number
  readonly ema?: number
  readonly patience?: number
}

/** The same of the teacher: `teacherEpochs`, `teacherLr`, ... */
export type TeacherFlags = {
  readonly [K in keyof TrainingFlags as `teacher${Capitalize<K>}`]: TrainingFlags[K]
}

interface Defaults {
  /** What the text of `--epochs` says of its default. */
  readonly epochs: string
  readonly batch: number
  readonly lr: number
}

/** Adds the flags of one network; those of the teacher begin with `--teacher-`. */
export function addTrainingOptions(command: Command, who: 'student' | 'teacher', defaults: Defaults): void {
  const flag = (name: string) => `--${who === 'teacher' ? 'teacher-' : ''}${name}`
  const of = `the ${who}'s`
  command
    .option(`${flag('epochs')} <n>`, `${of} epochs (${defaults.epochs})`, count)
    .option(`${flag('steps')} <n>`, `${of} steps, instead of epochs`, count)
    .option(`${flag('batch')} <n>`, `${of} batch size`, count, defaults.batch)
    .option(
      `${flag('augment')} <list>`,
      `what ${of} epochs make of the images: ${augmentationNames.join(', ')}, with sizes as in crop:4,flip`,
      (text) => text.split(',').map((entry) => entry.trim()),
    )
    .option(`${flag('mixup')} <alpha>`, `mixes ${of} images, by shares of Beta(alpha, alpha)`, nonNegative)
    .option(`${flag('lr')} <rate>`, `${of} learning rate`, positive, defaults.lr)
    .addOption(
      new Option(`${flag('optimizer')} <name>`, `${of} optimiser`).choices(optimizerNames).default('adam'),
    )
    .option(`${flag('momentum')} <m>`, 'momentum (0.9 of sgd, 0 of rmsprop)', shareBelowOne)
    .option(`${flag('weight-decay')} <w>`, 'weight decay (5e-4 of sgd, 0.01 of adamw, else 0)', nonNegative)
    .addOption(
      new Option(`${flag('schedule')} <name>`, `how ${of} learning rate goes`)
        .choices(scheduleNames)
        .default('cosine'),
    )
    .option(`${flag('warmup-steps')} <n>`, 'steps in which the rate of warmup-cosine climbs (0)', whole)
    .option(
      `${flag('milestones')} <shares>`,
      'shares of the run at which multistep lowers the rate (0.625,0.75,0.875)',
      shares,
    )
    .option(`${flag('step-size')} <share>`, 'share of the run after which step lowers the rate (1/3)', share)
    .option(
      `${flag('gamma')} <g>`,
      'what step, multistep and plateau multiply the rate by, and exponential by the end (0.1)',
      nonNegative,
    )
    .option(`${flag('power')} <p>`, 'power of polynomial (1)', positive)
    .option(
      `${flag('plateau-patience')} <n>`,
      'judgements without a better validation accuracy that plateau puts up with (2)',
      whole,
    )
    .option(`${flag('clip-norm')} <n>`, 'longest gradient', positive)
    .option(`${flag('clip-value')} <n>`, 'largest element of a gradient', positive)
    .option(
      `${flag('ema')} <decay>`,
      'decay of a moving average of the weights that is judged',
      shareBelowOne,
    )
    .option(
      `${flag('patience')} <n>`,
      'judgements without a better validation accuracy before it ends',
      count,
    )
}

function shares(text: string): readonly number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (!numbers.every((n, i) => n > (numbers[i - 1] ?? 0) && n < 1))
    throw new InvalidArgumentError('Give shares between 0 and 1 in ascending order, such as 0.5,0.75.')
  return numbers
}

/** Flags as a training; `epochs` are the recipe's. */
export function trainingOf(flags: TrainingFlags, epochs: number): Training {
  refuseIdle(flags)
  const { optimizer, schedule, steps, augment, mixup, momentum, weightDecay } = flags
  const { warmupSteps, milestones, stepSize, gamma, power, plateauPatience } = flags
  const { clipNorm, clipValue, patience, ema: averaging } = flags
  return {
    epochs: flags.epochs ?? epochs,
    steps,
    batchSize: flags.batch,
    augment,
    mixup: mixup || undefined,
    learningRate: flags.lr,
    optimizer,
    momentum,
    weightDecay,
    schedule,
    warmupSteps,
    milestones,
    stepSize,
    gamma,
    power,
    plateauPatience,
    clipNorm,
    clipValue,
    averaging,
    patience,
  }
}

/** The teacher's flags under the student's names. */
export function teacherFlags(flags: TeacherFlags): TrainingFlags {
  const own = Object.entries(flags).flatMap(([name, value]) => {
    const rest = /^teacher([A-Z])(.*)$/.exec(name)
    return rest ? [[`${rest[1]!.toLowerCase()}${rest[2]}`, value] as const] : []
  })
  return Object.fromEntries(own) as unknown as TrainingFlags
}

/** Steps and epochs say the same thing: of two sources, the command line's counts. */
export function withoutLesser<F extends TrainingFlags & TeacherFlags>(
  flags: F,
  sourceOf: (name: string) => string | undefined,
): F {
  const kept = { ...flags }
  for (const [epochs, steps] of [
    ['epochs', 'steps'],
    ['teacherEpochs', 'teacherSteps'],
  ] as const) {
    if (flags[epochs] === undefined || flags[steps] === undefined) continue
    const [a, b] = [sourceOf(epochs), sourceOf(steps)]
    if (a === b && a === 'cli')
      throw new UsageError(
        `${epochs}: a run has so many epochs or so many steps, got both, ${flags[epochs]} and ${flags[steps]}. Leave one out.`,
      )
    if (a === 'cli') delete kept[steps]
  }
  return kept
}

/** Settings that the chosen optimiser or schedule does not look at would be taken for what they are not. */
function refuseIdle(flags: TrainingFlags): void {
  const idle = (name: keyof TrainingFlags, of: readonly string[], chosen: string) => {
    if (flags[name] !== undefined && !of.includes(chosen))
      throw new UsageError(
        `${kebab(name)}: ${chosen} has none, got ${String(flags[name])}. Leave it out, or choose ${of.join(' or ')}.`,
      )
  }
  const { optimizer, schedule } = flags
  idle('momentum', ['sgd', 'rmsprop'], optimizer)
  idle('warmupSteps', ['warmup-cosine'], schedule)
  idle('milestones', ['multistep'], schedule)
  idle('stepSize', ['step'], schedule)
  idle('gamma', ['step', 'multistep', 'exponential', 'plateau'], schedule)
  idle('power', ['polynomial'], schedule)
  idle('plateauPatience', ['plateau'], schedule)
}
