import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { machine } from '../results.ts'
import type { Growth } from './memory-growth.ts'
import { type Name, PARTICIPANTS } from './participants.ts'
import { ratioOf } from './report.ts'
import type { Outcome, Row } from './works.ts'

/** What a command has measured. */
export interface Comparison {
  /** What each participant says that it is. */
  readonly participants: Readonly<Partial<Record<Name, string>>>
  readonly rows: readonly Row[]
  /** The cold start of a Node that does nothing. */
  readonly bareNode?: Outcome
  /** Empty where it was not asked for. */
  readonly memory: readonly Growth[]
}

interface Dated {
  readonly date: string
  readonly participants: Comparison['participants']
}

interface SavedRow extends Row, Dated {
  /** How many times as long as kdgrad each takes. */
  readonly ratios: Readonly<Partial<Record<Name, number>>>
}

/** The file: every work as it was last measured on one machine. */
export interface SavedComparison {
  readonly machine: string
  readonly rows: readonly SavedRow[]
  readonly bareNode?: Outcome
  readonly memory?: Dated & { readonly growths: readonly Growth[] }
}

/** Saves a comparison over what the machine `on` measured before; works that did not run stay. */
export function save(
  file: string,
  { participants, rows, bareNode, memory }: Comparison,
  on: string = machine,
): void {
  const before = lastOf(file, on)
  const dated: Dated = { date: new Date().toISOString(), participants }
  const keyOf = ({ work, threads }: Row) => `${work} ${threads}`
  const fresh = rows.map((row): SavedRow => {
    const ratios = PARTICIPANTS.flatMap((name) => {
      const ratio = name === 'kdgrad' ? null : ratioOf(row, name)
      return ratio === null ? [] : [[name, ratio]]
    })
    return { ...row, ...dated, ratios: Object.fromEntries(ratios) }
  })
  const all = new Map([...(before?.rows ?? []), ...fresh].map((row) => [keyOf(row), row]))
  const saved: SavedComparison = {
    ...before,
    machine: on,
    rows: [...all.values()],
    ...(bareNode ? { bareNode } : {}),
    ...(memory.length > 0 ? { memory: { ...dated, growths: memory } } : {}),
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(saved, null, 2)}\n`)
}

function lastOf(file: string, on: string): SavedComparison | null {
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as SavedComparison
    return saved.machine === on ? saved : null
  } catch {
    return null
  }
}
