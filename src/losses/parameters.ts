import { ValueError } from '../errors.ts'

/** What a parameter of a loss can be: all of them can be typed as a flag. */
export type Value = number | string | boolean

/** Parameters by name. */
export type Settings = Readonly<Record<string, Value>>

/** A parameter with its default, where that comes from, and what else it may be. */
export interface Parameter<T extends Value = Value> {
  readonly value: T
  /** The paper or code that has this default. */
  readonly source: string
  /** What it must be, as in `must be positive`. */
  readonly must: string
  /** The values it can take, where they are few. */
  readonly choices?: readonly T[]
  accepts(value: unknown): boolean
}

export type Parameters = Readonly<Record<string, Parameter>>

/** Parameters by name with the types of their values. */
export type ValuesOf<D extends Parameters> = {
  readonly [K in keyof D]: D[K] extends Parameter<infer T> ? T : never
}

const numeric =
  (must: string, accepts: (x: number) => boolean) =>
  (value: number, source: string): Parameter<number> => ({
    value,
    source,
    must,
    accepts: (x) => typeof x === 'number' && Number.isFinite(x) && accepts(x),
  })

export const real = numeric('be a finite number', () => true)
export const positive = numeric('be positive', (x) => x > 0)
export const nonNegative = numeric('be at least 0', (x) => x >= 0)
/** A fraction: 0 to 1. */
export const share = numeric('be between 0 and 1', (x) => x >= 0 && x <= 1)
/** A whole number of at least 0. */
export const whole = numeric('be a whole number of at least 0', (x) => Number.isInteger(x) && x >= 0)
/** A whole number of at least 1. */
export const count = numeric('be a whole number of at least 1', (x) => Number.isInteger(x) && x >= 1)

export const flag = (value: boolean, source: string): Parameter<boolean> => ({
  value,
  source,
  must: 'be true or false',
  choices: [true, false],
  accepts: (x) => typeof x === 'boolean',
})

export const text = (value: string, source: string): Parameter<string> => ({
  value,
  source,
  must: 'be text',
  accepts: (x) => typeof x === 'string',
})

/** One of a few names, such as the published variants of a method. */
export const choice = <const T extends string>(
  value: NoInfer<T>,
  choices: readonly T[],
  source: string,
): Parameter<T> => ({
  value,
  source,
  must: `be one of ${choices.join(', ')}`,
  choices,
  accepts: (x) => (choices as readonly unknown[]).includes(x),
})

/** Plain values as parameters, for a loss in the making; a number called `temperature` must be positive. */
export const parametersOf = (values: Settings): Record<string, Parameter> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, Parameter] => {
      if (typeof value === 'boolean') return [name, flag(value, SELF)]
      if (typeof value === 'string') return [name, text(value, SELF)]
      return [name, (name === 'temperature' ? positive : real)(value, SELF)]
    }),
  )

const SELF = 'the loss itself'

/**
 * Throws unless every given value is one that its parameter takes.
 *
 * @throws ValueError naming the loss, the parameter and what it may be.
 */
export function checkSettings(
  id: string,
  declared: Parameters,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(given)) {
    const parameter = Object.hasOwn(declared, name) ? declared[name]! : null
    if (!parameter) {
      const names = Object.keys(declared)
      throw new ValueError(
        `${id}: there is no parameter ${name}, got ${name} = ${value}. ${names.length === 0 ? 'It takes none.' : `Choose from ${names.join(', ')}.`}`,
      )
    }
    if (!parameter.accepts(value))
      throw new ValueError(
        `${id}: ${name} must ${parameter.must}, got ${value}. Its default is ${parameter.value}.`,
      )
  }
}

/** The defaults alone. */
export const defaultsOf = <D extends Parameters>(declared: D): ValuesOf<D> =>
  Object.freeze(
    Object.fromEntries(Object.entries(declared).map(([name, { value }]) => [name, value])),
  ) as ValuesOf<D>
