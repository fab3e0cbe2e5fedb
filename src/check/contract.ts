import { openDevice } from '../device/open.ts'
import { ValueError } from '../errors.ts'
import { grad } from '../graph/grad.ts'
import { realizeOn } from '../graph/realize.ts'
import { readOn } from '../graph/values.ts'
import { type Tensor, tensor } from '../tensor.ts'
import type { LogitBatch } from './batches.ts'
import { type GradcheckOptions, gradcheck } from './gradcheck.ts'

/** A loss on logits: what `defineLoss` returns, or any function of the same kind. */
export type LogitLoss = (batch: LogitBatch) => Tensor

/**
 * What every loss owes its user, on one batch: a finite scalar, finite gradients, none to the teacher, and the right
 * one to the student. Use it in a property: `fc.asyncProperty(logitBatch(), (b) => checkLoss(myLoss, b))`.
 *
 * @throws ValueError that says which promise is broken, with analytic and numeric values.
 */
export async function checkLoss(
  loss: LogitLoss,
  batch: LogitBatch,
  options: GradcheckOptions = {},
): Promise<void> {
  await checkFinite(loss, batch)
  const report = await gradcheck(
    (z: Tensor) => loss({ ...batch, student: { logits: z } }),
    [batch.student.logits],
    options,
  )
  if (!report.ok) throw new ValueError(`${nameOf(loss)}: ${report}`)
}

/**
 * The part of `checkLoss` that holds for extreme logits too, where differences are no measure: value and gradients are
 * finite, and no gradient reaches the teacher. Runs on `reference`.
 *
 * @throws ValueError that says which promise is broken.
 */
export async function checkFinite(loss: LogitLoss, batch: LogitBatch): Promise<void> {
  const name = nameOf(loss)
  const copy = (x: Tensor) => tensor(Float64Array.from(x.host ?? []), x.shape)
  const [student, teacher] = [copy(batch.student.logits), copy(batch.teacher.logits)]
  const value = loss({ ...batch, student: { logits: student }, teacher: { logits: teacher } })
  if (value.size !== 1)
    throw new ValueError(`${name}: a loss is one number, got ${value}. Reduce it, for example with mean().`)
  const [toStudent, toTeacher] = grad(value, [student, teacher]) as [Tensor, Tensor]
  const reference = await openDevice('reference')
  await realizeOn(reference, [value, toStudent, toTeacher])
  const read = async (t: Tensor) => Array.from(await readOn(reference, t))
  const [v, s, t] = [await read(value), await read(toStudent), await read(toTeacher)]
  if (!v.every(Number.isFinite)) throw new ValueError(`${name}: the value is not finite, got ${v}.`)
  if (!s.every(Number.isFinite)) throw new ValueError(`${name}: the gradient is not finite, got ${s}.`)
  if (t.some((g) => g !== 0))
    throw new ValueError(`${name}: a gradient reaches the teacher, got ${t}. Detach it.`)
}

const nameOf = (loss: LogitLoss) => ('id' in loss ? String(loss.id) : loss.name || 'loss')
