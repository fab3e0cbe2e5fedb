import { ValueError } from '../errors.ts'
import { needs } from './batch.ts'
import type { AnySpec } from './define.ts'
import { layerKinds } from './layers.ts'
import type { Settings } from './parameters.ts'

/** What a specification may have beside the formula. */
export type Part = (typeof PARTS)[number]

export const PARTS = ['adapters', 'state', 'preliminary', 'predict'] as const

/** What a specification can say. */
const ENTRIES = [
  'title',
  'paper',
  'formula',
  'variant',
  'defaults',
  'needs',
  'strongView',
  'layers',
  'mix',
  ...PARTS,
]

/** Whether these are plain defaults, none of which has the name of an entry of a specification. */
export const isSettings = (given: object): given is Settings =>
  Object.entries(given).every(
    ([name, value]) => !ENTRIES.includes(name) && ['number', 'string', 'boolean'].includes(typeof value),
  )

const IDENTIFIER = /^[A-Za-z]\w*$/

/** What TypeScript says of a wrong specification, for those who run without it. */
export function checkSpec(id: string, spec: AnySpec, formula: unknown): void {
  const refuse = (what: string, got: unknown, remedy: string): never => {
    throw new ValueError(`${id}: ${what}, got ${String(got)}. ${remedy}.`)
  }
  if (!IDENTIFIER.test(id))
    refuse('an id is a name of letters and digits', `'${id}'`, 'Write it as in myLoss')
  if (typeof formula !== 'function') refuse('the formula must be a function', typeof formula, 'Give it last')
  const entry = Object.keys(spec).find((name) => !ENTRIES.includes(name))
  if (entry)
    refuse(
      `a specification has no entry of that name`,
      entry,
      `It has ${ENTRIES.join(', ')}; plain numbers, texts and booleans are defaults`,
    )
  for (const name of Object.keys(spec.defaults ?? {}))
    if (!IDENTIFIER.test(name))
      refuse('a parameter is a name of letters and digits', `'${name}'`, 'Write it as in myScale')
  for (const need of spec.needs ?? [])
    if (!Object.hasOwn(needs, need))
      refuse('there is no such need', need, `Choose from ${Object.keys(needs).join(', ')}`)
  if (spec.layers && !layerKinds.includes(spec.layers))
    refuse('there is no such kind of layers', spec.layers, `Choose from ${layerKinds.join(', ')}`)
}
