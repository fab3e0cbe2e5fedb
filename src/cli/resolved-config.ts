import { resolve } from 'node:path'
import type { Device } from '../device/device.ts'
import { ce } from '../losses/index.ts'
import type { Experiment } from '../train/experiment.ts'
import type { ChosenTerm, Method } from '../train/method.ts'
import type { Recipe } from '../train/recipes.ts'
import { settingsInForce, type Training } from '../train/training.ts'
import type { DistillFlags } from './distill.ts'
import { version } from './version.ts'

/** What `config.json` holds beside `options` and the version: what they came to, for reading alone. */
export const REPORTED = [
  'node',
  'sources',
  'data',
  'device',
  'teacher',
  'student',
  'seeds',
  'methods',
] as const

/** What `config.json` holds. */
export type ResolvedConfig = {
  readonly kdgrad: string
  readonly options: Readonly<Record<string, unknown>>
} & Readonly<Record<(typeof REPORTED)[number], unknown>>

/** What only the same experiment, under the same version, has: a checkpoint is bound to it. */
export const experimentText = ({ kdgrad, options }: ResolvedConfig): string =>
  JSON.stringify([kdgrad, Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))])

/** Where the value of an option comes from, as commander says it. */
export type SourceOf = (name: string) => string | undefined

/** Flags that are about a start of the command and not about the experiment. */
const PASSING = ['config', 'resume', 'out']

/**
 * Everything that decides the result: `options` are all flags with their defaults written out, which `--config` and
 * `--resume` read; `sources` say where each is from; the rest is what they came to.
 */
export function resolvedConfig(
  flags: DistillFlags,
  sourceOf: SourceOf,
  recipe: Recipe,
  experiment: Experiment,
  { name: device, description }: Device,
): ResolvedConfig {
  const { train, test, validation, studentImages, teacher, student, methods, seeds, evaluateEvery } =
    experiment
  const given = Object.entries(flags).filter(([name]) => !PASSING.includes(name))
  const settings = { ...settingsOf(student, ''), ...settingsOf(teacher, 'teacher') }
  const found: Record<string, unknown> = {
    epochs: student.epochs,
    teacherEpochs: teacher.epochs,
    evaluateEvery,
    ...(studentImages === undefined ? {} : { labels: studentImages }),
    device,
    ...threadsOf(description),
    ...settings,
  }
  const parameters = Object.assign({}, ...methods.flatMap(({ terms }) => terms.map(parametersOf)))
  const weights = weightsOf(methods)
  const options = {
    ...parameters,
    ...weights,
    ...Object.fromEntries(given),
    ...absolute(flags),
    ...found,
  }
  const sources = Object.keys(options).map((name) => {
    const said = sourceOf(name) ?? (name in weights ? sourceOf(name.split('.')[1]!) : undefined)
    if (said === 'cli') return [name, 'command line']
    if (said === 'config') return [name, flags.config ? `file ${flags.config}` : 'the run that goes on']
    if (name in weights) return [name, `published, docs/losses.md#${name.split('.')[0]!.toLowerCase()}`]
    if (name === 'threads' || name === 'device') return [name, 'this machine']
    return [
      name,
      said === 'default' || name in settings ? 'default of kdgrad' : sourceIn(methods, recipe, name),
    ]
  })
  return {
    kdgrad: version,
    node: process.version,
    options,
    sources: Object.fromEntries(sources),
    data: {
      train: train.name,
      trainImages: train.size,
      studentImages: studentImages ?? train.size,
      validationImages: validation?.size ?? 0,
      testImages: test.size,
      normalisation: train.normalisation,
    },
    device: { name: device, description },
    teacher: { model: flags.teacher, ...teacher },
    student: { model: flags.student, ...student },
    seeds,
    methods: methods.map(({ id, terms }) => ({
      id,
      terms: terms.map(({ loss, weight, warmup, params }) => ({
        loss: loss.id,
        weight,
        ...(warmup > 0 ? { warmup } : {}),
        parameters: params,
      })),
    })),
  }
}

/** Paths as they are from anywhere. */
const absolute = ({ dataDir, teacherWeights, losses }: DistillFlags) => ({
  ...(dataDir === undefined ? {} : { dataDir: resolve(dataDir) }),
  ...(teacherWeights === undefined ? {} : { teacherWeights: resolve(teacherWeights) }),
  losses: losses.replaceAll(/[^\s,*+]+\.[cm]?[jt]s\b/g, (path) => resolve(path)),
})

/** Results repeat bit for bit for a number of threads. */
function threadsOf(description: string): { threads?: number } {
  const threads = /(\d+) threads?$/.exec(description)
  return threads ? { threads: Number(threads[1]) } : {}
}

/** The settings of optimiser and schedule that have an effect, under the names of their flags. */
function settingsOf(training: Training, who: string): object {
  return Object.fromEntries(
    Object.entries(settingsInForce(training)).map(([name, value]) => [
      who ? `${who}${name[0]!.toUpperCase()}${name.slice(1)}` : name,
      value,
    ]),
  )
}

const parametersOf = ({ loss, params }: ChosenTerm): object =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [`${loss.id}.${name}`, value]))

/** The weights of each loss but those that a sum, which says its weights itself, has a part in. */
function weightsOf(methods: readonly Method[]): Record<string, number> {
  const owner = ({ id, terms }: Method) => terms.find(({ loss }) => loss.id === id)
  const summed = methods.filter((method) => !owner(method)).flatMap(({ terms }) => terms)
  const alone = methods.filter(({ id }) => !summed.some(({ loss }) => loss.id === id))
  return Object.assign(
    {},
    ...alone.map((method) => {
      const own = owner(method)
      if (!own || own.loss === ce) return {}
      const hard = method.terms.find((term) => term !== own)?.weight ?? 0
      return {
        [`${method.id}.weight`]: own.weight,
        [`${method.id}.ceWeight`]: hard,
        [`${method.id}.warmup`]: own.warmup,
      }
    }),
  )
}

/** Where a value that nobody gave comes from: the recipe, or what the loss names for its default. */
function sourceIn(methods: readonly Method[], recipe: Recipe, name: string): string {
  const [id, parameter] = name.split('.')
  const loss = methods.flatMap(({ terms }) => terms).find((term) => term.loss.id === id)?.loss
  if (!loss || parameter === undefined) return `recipe, ${recipe.source}`
  if (recipe.parameters[loss.id]?.[parameter] !== undefined) return `recipe, ${recipe.source}`
  return loss.parameters[parameter]?.source ?? 'kdgrad'
}
