import { readFileSync } from 'node:fs'
import type { Command, Option } from 'commander'
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml'
import { UsageError } from '../errors.ts'
import { ConfigNodes, type Entry } from './config-nodes.ts'
import { kebab } from './kebab.ts'
import { REPORTED } from './resolved-config.ts'
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
 * loss under its name. Aliases are followed, and `<<` merges. The `config.json` of a run's folder is one too: its
 * `options` are read.
 *
 * @throws UsageError where it cannot be read, or has settings beside `options`, naming the line.
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
  const nodes = new ConfigNodes(document, placeOf)
  const options = nodes.followed(contents.get('options'))
  if (!isMap(options)) return settingsIn(contents, '', nodes)
  checkBeside(nodes.entriesOf(contents))
  return settingsIn(options, '', nodes)
}

/** Only what a run writes may stand beside `options`: a setting there would have no effect. */
function checkBeside(entries: readonly Entry[]): void {
  const written = entries.some(({ name }) => name === 'kdgrad')
  const known: readonly string[] = ['options', ...(written ? ['kdgrad', ...REPORTED] : [])]
  const other = entries.find(({ name }) => !known.includes(name))
  if (other)
    throw new UsageError(
      `config: ${other.place} has no effect beside options, got ${other.name}. Put it under options.`,
    )
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

function settingsIn(map: YAMLMap, prefix: string, nodes: ConfigNodes): Setting[] {
  return nodes.entriesOf(map).flatMap(({ name: key, value, place }): Setting[] => {
    const name = `${prefix}${key}`
    if (isMap(value) && prefix === '') return settingsIn(value, `${name}.`, nodes)
    const text = isSeq(value) ? listed(value.items.map((item) => nodes.followed(item))) : scalarText(value)
    if (text === null)
      throw new UsageError(
        `config: ${place} needs a value, got ${value === null || isScalar(value) ? 'none' : 'a nested one'} for ${name}. Give a number, a word or a list of them.`,
      )
    return [{ name, text, place }]
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
 * Gives a command the settings of a file, below what its own flags say. Those in `idle` are known, and have no effect.
 *
 * @throws UsageError where one is unknown or its value is refused, naming the line.
 */
export function applySettings(command: Command, settings: readonly Setting[], idle: readonly string[]): void {
  const named = new Map(command.options.map((option) => [option.long!.slice(2), option]))
  for (const { name, text, place } of settings) {
    if (idle.includes(name)) continue
    const option = named.get(kebab(name)) ?? named.get(name)
    if (ALONE.includes(kebab(name)))
      throw new UsageError(
        `config: ${place} cannot be set by a file, got ${text} for ${name}. Say it on the command line.`,
      )
    if (!option) throw unknownSetting(command, name, place, [...named.keys(), ...idle])
    command.setOptionValueWithSource(option.attributeName(), parsed(option, text, place), 'config')
  }
}

/** The error for a name that is no flag: of a loss, the others of that loss; else the nearest, for there are many. */
function unknownSetting(command: Command, name: string, place: string, known: readonly string[]): UsageError {
  const ofLoss = known.filter((flag) => name.includes('.') && flag.startsWith(name.replace(/\..*/, '.')))
  if (ofLoss.length > 0) return unknownName(`config: ${place}`, name, ofLoss)
  const inCamelCase = command.options.map((option) => option.attributeName())
  const help = `Choose one that kdgrad ${command.name()} --help lists.`
  return unknownName(`config: ${place}`, name, [...known, ...inCamelCase], help)
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
