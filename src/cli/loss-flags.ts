import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { type AnyLoss, ce, type Parameter, type Settings, type Value } from '../losses/index.ts'
import { type ChosenTerm, type Method, termsOf } from '../train/method.ts'
import type { Recipe } from '../train/recipes.ts'
import type { Choice } from './load-losses.ts'
import { anyNumber, nonNegative } from './numbers.ts'

/** Flags that say the same of every loss. */
export interface LossFlags {
  readonly temperature?: number
  readonly initEpochs?: number
  readonly weight?: number
  readonly ceWeight?: number
  readonly warmup?: number
  /** `dkd.beta` and the like. */
  readonly [lossParameter: `${string}.${string}`]: Value
}

/** Makes every parameter of a loss a flag, `--dkd.beta 2`, and its weights too. */
export function addLossOptions(command: Command, { id, parameters, mix }: AnyLoss): void {
  for (const [name, parameter] of Object.entries(parameters)) command.addOption(optionOf(id, name, parameter))
  command.option(`--${id}.weight <w>`, `weight of ${id} (${mix.weight})`, anyNumber)
  command.option(`--${id}.ceWeight <w>`, `weight of the cross-entropy beside ${id} (${mix.ce})`, anyNumber)
  command.option(`--${id}.warmup <epochs>`, `epochs over which the weight of ${id} grows`, nonNegative)
}

/** The names of a loss's flags, behind its id. */
export const flagsOf = ({ parameters }: AnyLoss): string[] => [
  ...Object.keys(parameters),
  'weight',
  'ceWeight',
  'warmup',
]

function optionOf(id: string, name: string, parameter: Parameter): Option {
  const { value, choices } = parameter
  const kind = typeof value === 'number' ? '<n>' : '<value>'
  const option = new Option(`--${id}.${name} ${kind}`, `${name} of ${id} (${value})`)
  if (typeof value === 'boolean') return option.argParser(parse(parameter, (text) => text === 'true'))
  if (choices) return option.choices(choices.map(String))
  if (typeof value === 'string') return option
  return option.argParser(parse(parameter, Number))
}

function parse(parameter: Parameter, convert: (text: string) => Value) {
  return (text: string): Value => {
    const value = convert(text)
    const known = !parameter.choices || parameter.choices.map(String).includes(text.trim())
    if (text.trim() === '' || !known || !parameter.accepts(value))
      throw new InvalidArgumentError(`It must ${parameter.must}.`)
    return value
  }
}

/** What a choice comes to: defaults, the recipe's parameters, then the flags. */
export function methodOf(choice: Choice, flags: LossFlags, recipe: Recipe, epochs: number): Method {
  const terms = choice.terms.flatMap(({ loss, weight }): ChosenTerm[] => {
    const own = <T extends Value>(name: string) => flags[`${loss.id}.${name}`] as T | undefined
    const weights = {
      weight: weight ?? own<number>('weight') ?? flags.weight,
      ce: weight === undefined ? (own<number>('ceWeight') ?? flags.ceWeight) : 0,
      warmup: own<number>('warmup') ?? (loss === ce ? 0 : flags.warmup),
    }
    const flag = ['weight', 'ceWeight'].find((name) => own(name) !== undefined)
    if (weight !== undefined && flag)
      throw new UsageError(
        `${loss.id}.${flag}: a sum says its weights itself, got --${loss.id}.${flag} beside ${choice.id}. Write the weight into the sum.`,
      )
    return termsOf(loss, paramsOf(loss, flags, recipe), epochs, weights)
  })
  return { id: choice.id, terms }
}

function paramsOf(loss: AnyLoss, flags: LossFlags, recipe: Recipe): Settings {
  const params: Record<string, Value> = { ...loss.defaults, ...recipe.parameters[loss.id] }
  if (flags.temperature !== undefined && 'temperature' in params) params.temperature = flags.temperature
  // A stage that is left out by default stays out.
  if (flags.initEpochs !== undefined && params.initEpochs) params.initEpochs = flags.initEpochs
  for (const name of Object.keys(params)) params[name] = flags[`${loss.id}.${name}`] ?? params[name]!
  return params
}
