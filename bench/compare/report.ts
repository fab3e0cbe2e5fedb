import { tableText } from '../../src/cli/table.ts'
import { mebibytes } from '../memory.ts'
import { ms, twoDigits } from '../results.ts'
import type { Growth } from './memory-growth.ts'
import type { Name } from './participants.ts'
import type { Outcome, Row } from './works.ts'

/** How much longer a peer takes than kdgrad; null where one of them has no times. */
export function ratioOf({ outcomes }: Row, peer: Name): number | null {
  const [ours, theirs] = [outcomes.kdgrad, outcomes[peer]]
  if (!ours || !theirs || 'error' in ours || 'error' in theirs) return null
  return theirs.median / ours.median
}

/** Times in milliseconds, and how much longer each peer takes; what failed, and remarks, as lines below. */
export function tableOf(
  rows: readonly Row[],
  names: readonly Name[],
  rounds: number,
  bareNode?: Outcome,
): string {
  const remarks: string[] = []
  const remark = (text: string) => {
    const known = remarks.indexOf(text)
    return `[${known >= 0 ? known + 1 : remarks.push(text)}]`
  }
  const peers = names.filter((name) => name !== 'kdgrad')
  const head = ['', 'kdgrad', 'GFLOP/s', ...peers.flatMap((peer) => [peer, 'ratio'])]
  const body = rows.map((row) => {
    const cell = (name: Name) => cellOf(row.outcomes[name], rounds, remark)
    return [
      titleOf(row.work, row.threads),
      cell('kdgrad'),
      rate(row),
      ...peers.flatMap((peer) => [cell(peer), times(ratioOf(row, peer))]),
    ]
  })
  const notes = remarks.map((text, i) => `[${i + 1}] ${text}`)
  return [
    tableText(head, body),
    'Milliseconds: median [min-max]; ratio: how many times as long as kdgrad a peer takes.',
    ...(bareNode && 'median' in bareNode ? [`A Node that does nothing: ${ms(bareNode.median)} ms.`] : []),
    ...notes,
  ].join('\n')
}

/** A row as a line, for those who wait. */
export function inWords({ work, threads, outcomes }: Row): string {
  const parts = Object.entries(outcomes).map(
    ([name, outcome]) => `${name} ${'error' in outcome ? 'failed' : ms(outcome.median)}`,
  )
  return `${titleOf(work, threads)}: ${parts.join(', ')}`
}

const titleOf = (work: string, threads: number) => (threads === 1 ? work : `${work}, ${threads} threads`)

function cellOf(outcome: Outcome | undefined, rounds: number, remark: (text: string) => string): string {
  if (!outcome) return '-'
  if ('error' in outcome) return `failed ${remark(outcome.error)}`
  const { median, min, max, samples, note } = outcome
  return [
    `${ms(median)} [${ms(min)}-${ms(max)}]`,
    ...(samples === rounds ? [] : [`n=${samples}`]),
    ...(note === undefined ? [] : [remark(note)]),
  ].join(' ')
}

function rate({ flops, outcomes: { kdgrad } }: Row): string {
  return flops === undefined || !kdgrad || 'error' in kdgrad ? '' : twoDigits(flops / kdgrad.median / 1e6)
}

const times = (ratio: number | null): string => (ratio === null ? '' : `${twoDigits(ratio)}x`)

/** What each participant's process held early and late in training. */
export function memoryTable(growths: readonly Growth[]): string {
  const pair = (early: number | undefined, late: number | undefined) =>
    early === undefined || late === undefined ? '' : `${mebibytes(early)} to ${mebibytes(late)}`
  const rows = growths.map((growth) => {
    if ('error' in growth) return [growth.participant, `failed: ${growth.error}`, '', '', '']
    const { participant, steps, early, late, ms: step } = growth
    return [
      participant,
      `${steps}`,
      ms(step),
      pair(early.resident, late.resident),
      pair(early.heap, late.heap),
    ]
  })
  return tableText(['memory', 'steps', 'ms a step', 'resident, MiB', 'JavaScript heap, MiB'], rows)
}
