import { readFileSync } from 'node:fs'
import type { Command, Option } from 'commander'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { UsageError } from '../errors.ts'
import { kebab } from './kebab.ts'
import { unknownName } from './suggest.ts'

/** A value that a configuration file gives to an option. */
export interface Setting {
  /** As the command line would name it, without dashes: `epochs`, `teacher-lr`, `dkd.beta`. */
  readonly name: string
  readonly text: string
  /** Where it stands, for messages: `recipe.yaml:12`. */
  readonly place: string
}

/**
 * Reads a configuration: one option of `kdgrad distill` per line, in YAML or JSON, lists as lists, the parameters of a
 * loss under its name. The `config.json` of a run's folder is one too: its `options` are read.
 *
 * @throws UsageError where it cannot be read, naming the line.
 */
export function readConfig(path: string): Setting[] {
  const lines = new LineCounter()
  const document = parseDocument(textOf(path), { lineCounter: lines, prettyErrors: false })
  const placeOf = (offset: number) => `${path}:${lines.linePos(offset).line}`
  const [fault] = document.errors
  if (fault)
    throw new UsageError(
      `config: ${placeOf(fault.pos[0])} is no YAML or JSON, got ${fault.message.replace(/\.?$/, '')}. Mend that line.`,
    )
  const { contents } = document
  if (!isMap(contents))
    throw new UsageError(
      `config: ${path} must hold options by name, got ${isSeq(contents) ? 'a list' : 'none'}. Write them as in epochs: 30.`,
    )
  const options = contents.get('options')
  return settingsIn(isMap(options) ? options : contents, '', (node) => placeOf(node.range?.[0] ?? 0))
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(
      `config: cannot read ${path}, got ${(error as NodeJS.ErrnoException).code ?? error}. Check the path.`,
    )
  }
}

function settingsIn(map: Node, prefix: string, placeOf: (node: Node) => string): Setting[] {
  if (!isMap(map)) return []
  return map.items.flatMap((pair): Setting[] => {
    const key = pair.key as Node
    const name = `${prefix}${isScalar(key) ? String(key.value) : ''}`
    const value = pair.value as Node | null
    if (isMap(value) && prefix === '') return settingsIn(value, `${name}.`, placeOf)
    const text = isSeq(value) ? listed(value.items) : scalarText(value)
    if (text === null)
      throw new UsageError(
        `config: ${placeOf(key)} needs a value, got ${value === null || isScalar(value) ? 'none' : 'a nested one'} for ${name}. Give a number, a word or a list of them.`,
      )
    return [{ name, text, place: placeOf(key) }]
  })
}

function scalarText(node: unknown): string | null {
  return isScalar(node) && node.value !== null && node.value !== undefined ? String(node.value) : null
}

function listed(items: readonly unknown[]): string | null {
  const texts = items.map(scalarText)
  return texts.includes(null) ? null : texts.join(',')
}

/** Flags that say where settings come from. */
const ALONE = ['config', 'resume']

/**
 * Gives a command the settings of a file, below what its own flags say.
 *
 * @throws UsageError where one is unknown or its value is refused, naming the line.
 */
export function applySettings(command: Command, settings: readonly Setting[]): void {
  const named = new Map(command.options.map((option) => [option.long!.slice(2), option]))
  for (const { name, text, place } of settings) {
    const option = named.get(kebab(name)) ?? named.get(name)
    if (ALONE.includes(kebab(name)))
      throw new UsageError(
        `config: ${place} cannot be set by a file, got ${text} for ${name}. Say it on the command line.`,
      )
    if (!option) throw unknownName(`config: ${place}`, name, [...named.keys()])
    command.setOptionValueWithSource(option.attributeName(), parsed(option, text, place), 'config')
  }
}

function parsed(option: Option, text: string, place: string): unknown {
  const name = option.long!.slice(2)
  if (option.argChoices && !option.argChoices.includes(text))
    throw new UsageError(
      `config: ${place} must be one of ${option.argChoices.join(', ')}, got ${text} for ${name}. Choose one.`,
    )
  if (option.isBoolean()) return text === 'true'
  try {
    return option.parseArg ? option.parseArg(text, undefined) : text
  } catch (error) {
    throw new UsageError(
      `config: ${place} has a wrong value, got ${text} for ${name}. ${(error as Error).message}`,
    )
  }
}
