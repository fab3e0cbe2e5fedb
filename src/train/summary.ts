import { aloneRow } from './distill.ts'
import type { RunRecord } from './experiment.ts'

/** A mean over seeds with its spread. */
export interface Mean {
  readonly mean: number
  /** Standard deviation over seeds; undefined for a single one. */
  readonly sd?: number
  /** Standard error of the mean; undefined for a single one. */
  readonly se?: number
}

/** One row of the closing table. */
export interface SummaryRow {
  readonly row: string
  /** Test accuracy at the last epoch, in percent. */
  readonly accuracy: Mean
  /** Test accuracy at the epoch with the highest validation accuracy, in percent, where there is a validation set. */
  readonly best?: Mean
  /** The same as `accuracy` for every exit of a network that has several. */
  readonly exits?: Readonly<Record<string, Mean>>
  /** Paired difference from the student alone at the same rate, in points. */
  readonly gain?: Mean
  /** Paired difference from the best of the student alone's rates, in points. */
  readonly gainOverBest?: Mean
  /** Training time of one run. */
  readonly seconds: number
  /** Training images it has seen; unknown where it was trained before. */
  readonly images?: number | undefined
  readonly seeds: number
}

/** The closing table, in the order in which the rows were run. */
export function summarise(results: readonly RunRecord[]): SummaryRow[] {
  const rows = [...new Set(results.map((r) => r.row))]
  const of = (row: string) => results.filter((r) => r.row === row)
  const alone = of(aloneRow(1))
  const rates = rows.filter((row) => row === aloneRow(1) || row.startsWith(`${aloneRow(1)} x`))
  const best = rates.map(of).sort((a, b) => average(b) - average(a))[0] ?? []
  return rows.map((row) => {
    const runs = of(row)
    const student = row !== 'teacher'
    const against = (base: readonly RunRecord[]) => meanOf(differences(runs, base))
    const gain = student && row !== aloneRow(1) ? against(alone) : undefined
    const gainOverBest = student && !rates.includes(row) ? against(best) : undefined
    return {
      row,
      accuracy: meanOf(runs.map((r) => 100 * r.accuracy))!,
      ...bestOf(runs),
      ...exitsOf(runs),
      ...(gain ? { gain } : {}),
      ...(gainOverBest ? { gainOverBest } : {}),
      seconds: runs.reduce((sum, r) => sum + r.seconds, 0) / runs.length,
      images: runs[0]!.images,
      seeds: runs.length,
    }
  })
}

function bestOf(runs: readonly RunRecord[]): { best?: Mean } {
  const best = meanOf(runs.flatMap((r) => (r.best ? [100 * r.best.testAccuracy] : [])))
  return best ? { best } : {}
}

function exitsOf(runs: readonly RunRecord[]): { exits?: Record<string, Mean> } {
  const exits = runs.map(({ history }) => history.at(-1)?.exits ?? {})
  const names = Object.keys(exits[0]!)
  if (names.length === 0) return {}
  const accuracies = (name: string) => exits.map((of) => 100 * of[name]!)
  return { exits: Object.fromEntries(names.map((name) => [name, meanOf(accuracies(name))!])) }
}

const average = (runs: readonly RunRecord[]) =>
  runs.reduce((sum, r) => sum + r.accuracy, 0) / Math.max(runs.length, 1)

/** Differences in points, seed by seed. */
function differences(runs: readonly RunRecord[], base: readonly RunRecord[]): number[] {
  return runs.flatMap((r) => {
    const pair = base.find((b) => b.seed === r.seed)
    return pair ? [100 * (r.accuracy - pair.accuracy)] : []
  })
}

function meanOf(values: readonly number[]): Mean | undefined {
  const n = values.length
  if (n === 0) return undefined
  const mean = values.reduce((a, b) => a + b, 0) / n
  if (n === 1) return { mean }
  const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1))
  return { mean, sd, se: sd / Math.sqrt(n) }
}
