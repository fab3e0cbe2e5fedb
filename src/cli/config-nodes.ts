import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type YAMLMap } from 'yaml'
import { UsageError } from '../errors.ts'
import { kebab } from './kebab.ts'

/** A name in a map, and what it stands for. */
export interface Entry {
  readonly name: string
  /** A node that is no alias, or nothing. */
  readonly value: unknown
  /** Where the name stands, for messages: `recipe.yaml:12`. */
  readonly place: string
}

/** The nodes of a YAML document with aliases followed and `<<` merged, which keep their lines. */
export class ConfigNodes {
  constructor(
    private readonly document: Document,
    private readonly placeAt: (offset: number) => string,
  ) {}

  /**
   * The node itself, or the one with the anchor that an alias names.
   *
   * @throws UsageError where there is no such anchor above.
   */
  followed(node: unknown): unknown {
    if (!isAlias(node)) return node
    const { source } = node
    const anchored = node.resolve(this.document)
    if (!anchored)
      throw new UsageError(
        `config: ${this.placeOf(node)} repeats what has no anchor above it, got *${source}. Write &${source} before the first of them.`,
      )
    return anchored
  }

  /**
   * What a map holds: the entries that `<<` merges into it from other maps, the first of which counts most, and its own,
   * which count more.
   *
   * @throws UsageError where `<<` names no map, or one that it stands in.
   */
  entriesOf(map: YAMLMap, around: readonly YAMLMap[] = []): Entry[] {
    const within = [...around, map]
    const own = new Map<string, Entry>()
    const merged: Entry[] = []
    for (const pair of map.items) {
      const [key, value] = [this.followed(pair.key), this.followed(pair.value)]
      // Not its value, which is a symbol where the file says %YAML 1.1.
      const name = isScalar(key) ? (key.source ?? '') : ''
      const place = this.placeOf(pair.key)
      if (name !== '<<') own.set(kebab(name), { name, value, place })
      else
        for (const node of isSeq(value) ? value.items : [value])
          merged.push(...this.entriesOf(this.mergeable(node, within, place), within))
    }
    const others = new Map<string, Entry>()
    for (const entry of merged) {
      const key = kebab(entry.name)
      if (!own.has(key) && !others.has(key)) others.set(key, entry)
    }
    return [...others.values(), ...own.values()]
  }

  private mergeable(node: unknown, within: readonly YAMLMap[], place: string): YAMLMap {
    const map = this.followed(node)
    if (isMap(map) && !within.includes(map)) return map
    throw new UsageError(
      `config: ${place} merges maps that end above it, got ${isMap(map) ? 'one around it' : 'none'} for <<. Name one, as in <<: *dkd where dkd: &dkd holds it.`,
    )
  }

  private placeOf(node: unknown): string {
    return this.placeAt(isNode(node) ? (node.range?.[0] ?? 0) : 0)
  }
}
