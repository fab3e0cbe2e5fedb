import type { RunRecord } from '../train/experiment.ts'
import type { EpochMetrics } from '../train/fit.ts'

const COLUMNS = ['epoch', 'loss', 'firstLoss', 'learningRate', 'testAccuracy', 'validationAccuracy'] as const

/** The metrics of finished runs as CSV (RFC 4180), a line per epoch; the losses of terms have a column each. */
export function metricsCsv(finished: readonly RunRecord[]): string {
  const rows = finished.flatMap(({ row, seed, stages, history }) => [
    ...stages.flatMap(({ stage, history }) => history.map((metrics) => ({ row, seed, stage, metrics }))),
    ...history.map((metrics) => ({ row, seed, stage: '', metrics })),
  ])
  const terms = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics.terms ?? {})))]
  const cells = (metrics: EpochMetrics) => [
    ...COLUMNS.map((name) => metrics[name] ?? ''),
    ...terms.map((id) => metrics.terms?.[id]?.loss ?? ''),
  ]
  const lines = [
    ['row', 'seed', 'stage', ...COLUMNS, ...terms.map((id) => `${id} loss`)],
    ...rows.map(({ row, seed, stage, metrics }) => [row, seed, stage, ...cells(metrics)]),
  ]
  return lines.map((line) => `${line.map(quoted).join(',')}\r\n`).join('')
}

function quoted(cell: string | number): string {
  const text = String(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
