import fc from 'fast-check'
import { expect } from 'vitest'
import { numbers } from '../../src/check/batches.ts'
import { type LogitBatch, type LogitBatchOptions, logitBatch } from '../../src/check/index.ts'
import { grad, type Tensor, tensor } from '../../src/index.ts'
import type { Progress } from '../../src/losses/index.ts'
import { onDevice, same as sameWithin } from './same.ts'

/** Of the largest number, or of 1. */
export const allowed = onDevice(1e-11, 3e-5)

export const same = (got: Tensor, wanted: Tensor, slack = allowed): Promise<void> =>
  sameWithin(got, wanted, slack)

/** Fails unless all entries are 0. */
export async function zero(x: Tensor): Promise<void> {
  expect(Array.from(await x.data(), Math.abs)).toEqual(Array(x.size).fill(0))
}

/** A batch of logits with all that a loss on logits can need beside them. */
export interface ViewBatch extends LogitBatch {
  readonly view: Pick<LogitBatch, 'student' | 'teacher'>
  readonly progress: Progress
}

const viewBatch = (options: LogitBatchOptions) =>
  logitBatch(options).chain((batch) => {
    const { size, shape } = batch.student.logits
    const side = numbers(size, 6).map((values) => ({ logits: tensor(values, shape) }))
    return fc
      .record({ student: side, teacher: side, epoch: fc.integer({ min: 1, max: 20 }) })
      .map(({ epoch, ...view }): ViewBatch => ({ ...batch, view, progress: { epoch, epochs: 20, step: 0 } }))
  })

export const check = (
  property: (batch: ViewBatch, temperature: number) => Promise<void>,
  options: LogitBatchOptions = {},
  parameters: { readonly numRuns?: number } = {},
) => fc.assert(fc.asyncProperty(viewBatch(options), fc.constantFrom(0.5, 1, 4), property), parameters)

/** Gradient in the student's logits. */
export const gradient = (
  loss: Tensor,
  { student }: { readonly student: { readonly logits: Tensor } },
): Tensor => grad(loss, [student.logits])[0]!

/** Value and gradient of two losses agree. */
export async function sameLoss(
  got: Tensor,
  wanted: Tensor,
  batch: { readonly student: { readonly logits: Tensor } },
): Promise<void> {
  await same(got, wanted)
  await same(gradient(got, batch), gradient(wanted, batch))
}

/** One sample of a batch, as a batch whose gradient reaches the whole one. */
export function sample(batch: LogitBatch, i: number) {
  const row = (x: Tensor) => x.slice([[i, i + 1]])
  return {
    student: { logits: row(batch.student.logits) },
    teacher: { logits: row(batch.teacher.logits) },
    labels: tensor(Int32Array.of(batch.labels.host![i]!)),
  }
}

/** The samples of a batch one by one. */
export const samples = (batch: LogitBatch) =>
  Array.from({ length: batch.labels.size }, (_, i) => sample(batch, i))

export const total = (terms: readonly Tensor[]): Tensor => terms.reduce((sum, term) => sum.add(term))

/** Logits [4, 5] and labels of shared/specs/kd-methods.md, section 7. */
export function goldenBatch() {
  const logits = (f: (i: number) => number) =>
    tensor(
      Float64Array.from({ length: 20 }, (_, i) => f(i)),
      [4, 5],
    )
  return {
    student: { logits: logits((i) => 2 * Math.sin(1 + 0.7 * i)) },
    teacher: { logits: logits((i) => 3 * Math.cos(0.5 + 0.9 * i)) },
    labels: tensor(Int32Array.of(1, 3, 0, 2)),
  }
}
