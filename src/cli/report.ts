import type { Dataset } from '../data/dataset.ts'
import type { Curve } from '../train/curves.ts'
import type { Experiment, RunRecord } from '../train/experiment.ts'
import type { Mean, SummaryRow } from '../train/summary.ts'
import { tableText } from './table.ts'

/** The closing table, with a line that says who saw which data. */
export function tableOf(
  rows: readonly SummaryRow[],
  { train, test, validation, studentImages, seeds }: Experiment,
): string {
  const chosen = rows.some(({ best }) => best)
  const head = [
    'method',
    'accuracy, %',
    ...(chosen ? ['at the best epoch'] : []),
    'gain over alone',
    'gain over best alone',
    'seconds',
    'images seen',
  ]
  const body = rows.map((r) => [
    r.row,
    spread(r.accuracy, 'sd'),
    ...(chosen ? [spread(r.best, 'sd')] : []),
    spread(r.gain, 'se'),
    spread(r.gainOverBest, 'se'),
    r.seconds.toFixed(1),
    String(r.images ?? 'unknown'),
  ])
  const data = whoSawWhat(rows, train, studentImages)
  const many =
    seeds.length > 1
      ? ` Accuracy ± standard deviation over ${seeds.length} seeds, gain ± standard error of the paired difference.`
      : ''
  const held = validation
    ? ` The best epoch is the one with the highest accuracy on ${validation.size} further training images, which nobody trained on.`
    : ''
  return `${tableText(head, body)}\n${exitsOf(rows)}${data}\nAccuracy of the last epoch on ${test.size} images of ${test.name} that nobody trained on; gains in points.${held}${many}`
}

function whoSawWhat(rows: readonly SummaryRow[], { name, size }: Dataset, images = size): string {
  const share = images < size ? `the same ${images} of them, drawn anew per seed` : 'all of them too'
  const own = `Of the ${size} images of ${name}, every student, alone or distilled, has seen ${images < size ? share : 'all'}.`
  const teacher = rows.find(({ row }) => row === 'teacher')
  if (!teacher) return `No method has a teacher. ${own}`
  if (teacher.images === undefined)
    return `The teacher was trained before: what it has seen is not known. ${own}`
  return `The teacher has seen all ${size} images of ${name}; every student, alone or distilled, ${share}.`
}

/** A line for every method whose network answers in several ways. */
const exitsOf = (rows: readonly SummaryRow[]): string =>
  rows
    .filter(({ exits }) => exits)
    .map(({ row, exits }) => {
      const each = Object.entries(exits!).map(([name, accuracy]) => `${name} ${spread(accuracy, 'sd')}`)
      return `${row} by exit, accuracy in %: ${each.join(', ')}\n`
    })
    .join('')

function spread(value: Mean | undefined, kind: 'sd' | 'se'): string {
  if (!value) return '-'
  const sign = kind === 'se' && value.mean > 0 ? '+' : ''
  const around = value[kind] === undefined ? '' : ` ± ${value[kind].toFixed(2)}`
  return `${sign}${value.mean.toFixed(2)}${around}`
}

/** Accuracy over epochs of every row, averaged over the seeds that came so far. */
export function curvesOf(results: readonly RunRecord[]): Curve[] {
  return [...new Set(results.map((r) => r.row))].map((row) => {
    const runs = results.filter((r) => r.row === row)
    const byEpoch = new Map<number, number[]>()
    for (const { epoch, testAccuracy } of runs.flatMap(({ history }) => history))
      if (testAccuracy !== undefined) byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), testAccuracy])
    const epochs = [...byEpoch.keys()].sort((a, b) => a - b)
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
    return { name: row, epochs, accuracy: epochs.map((epoch) => 100 * mean(byEpoch.get(epoch)!)) }
  })
}
