import { type Case, subject } from './fixtures.ts'

/**
 * What the library does not have yet. These lists only shrink: test/pending.test.ts fails where an operation below
 * is mapped after all, and a case that passes in spite of its entry in `pendingSettings` fails.
 */
export const pendingOps: ReadonlySet<string> = new Set(`clip_grad_norm clip_grad_value`.split(/\s+/))

/** Settings of operations that are there, which the library does not take yet. */
const pendingSettings: readonly {
  readonly op: string
  readonly reason: string
  applies(c: Case): boolean
}[] = [
  ...['adamw', 'rmsprop', 'adagrad'].map((algorithm) => ({
    op: 'optimizer',
    reason: algorithm,
    applies: ({ params }: Case) => params.algorithm === algorithm,
  })),
  { op: 'scheduler', reason: 'schedules but cosine', applies: ({ params }) => params.scheduler !== 'cosine' },
  {
    op: 'train_trace',
    reason: 'adamw',
    applies: ({ params }) => (params.optimizer as { algorithm?: string }).algorithm === 'adamw',
  },
]

/** Why a case cannot be run yet, or null. */
export function pendingReason(c: Case): string | null {
  if (pendingOps.has(subject(c))) return `op ${c.op} is to come`
  return null
}

/** Why a case whose operation is there must fail nevertheless, or null. */
export const pendingSetting = (c: Case): string | null =>
  pendingSettings.find(({ op, applies }) => op === c.op && applies(c))?.reason ?? null
