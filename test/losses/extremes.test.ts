import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad, tensor } from '../../src/index.ts'
import { type AnyLoss, ce, dist, dkd, kldiv } from '../../src/losses/index.ts'
import { extremeBatch, type LogitBatch } from '../support/batches.ts'

/**
 * The largest entry that a gradient can have: of a sum of divergences T/N times their weights, since probabilities
 * differ by 1 at most. A correlation divides by how much the probabilities vary.
 */
const bound = (loss: AnyLoss, { n }: LogitBatch, temperature: number): number =>
  loss === dist ? 1e3 * temperature : ((loss === dkd ? 1 + 8 : 1) * Math.max(temperature, 1) * 1.001) / n

describe.each([ce, kldiv, dkd, dist])('$id', (loss) => {
  test('is finite and has a gradient of sensible size on every extreme batch', () =>
    fc.assert(
      fc.asyncProperty(extremeBatch(), fc.constantFrom(1, 4), async (batch, temperature) => {
        const params = 'temperature' in loss.defaults ? { temperature } : {}
        const value = loss(batch, params)
        const gradient = await grad(value, [batch.student.logits])[0]!.data()
        expect(await value.item()).toSatisfy(Number.isFinite)
        const largest = Math.max(...Array.from(gradient, Math.abs))
        expect(largest).toBeLessThanOrEqual(bound(loss, batch, temperature))
      }),
    ))
})

test('dist has no gradient through rows that do not vary, nor through a constant column', async () => {
  const student = tensor([
    [7.3, 7.3, 7.3],
    [-1e4, -1e4, -1e4],
  ])
  const teacher = {
    logits: tensor([
      [1, 2, 3],
      [3, 1, 2],
    ]),
  }
  const loss = dist({ student: { logits: student }, teacher }, { temperature: 1 })
  expect(await loss.item()).toBe(2)
  expect(Array.from(await grad(loss, [student])[0]!.data(), Math.abs)).toEqual([0, 0, 0, 0, 0, 0])
})

test('dkd takes the target out of the others exactly, however low their logits are', async () => {
  const nckd = (scale: number) => {
    const [student, teacher] = [tensor([[0, -scale, -1.1 * scale]]), tensor([[0, -scale, -scale]])]
    const labels = tensor(Int32Array.of(0))
    const batch = { student: { logits: student }, teacher: { logits: teacher }, labels }
    return dkd(batch, { alpha: 0, beta: 1, temperature: 1 }).item()
  }
  // The others are as likely as each other to the teacher; the student is sure of the first.
  for (const scale of [1e6, 1e10, 1e30, 1e35]) expect((await nckd(scale)) / (0.05 * scale)).toBeCloseTo(1, 3)
})

test('dkd is 0 with one class', async () => {
  const student = tensor([[1e4], [-3]])
  const loss = dkd({
    student: { logits: student },
    teacher: { logits: tensor([[5], [7]]) },
    labels: tensor(Int32Array.of(0, 0)),
  })
  expect(Math.abs(await loss.item())).toBe(0)
  expect(Array.from(await grad(loss, [student])[0]!.data(), Math.abs)).toEqual([0, 0])
})
