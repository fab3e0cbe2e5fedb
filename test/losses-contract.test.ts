import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkFinite, checkLoss, gradcheck, type LogitLoss, logitBatch } from '../src/check/index.ts'
import { losses } from '../src/losses/index.ts'
import { tensor } from '../src/tensor.ts'

describe.each([...losses])('%s', (_, loss) => {
  test('is a finite scalar with the right gradient of first and second order, none to the teacher', () =>
    fc.assert(fc.asyncProperty(logitBatch(), (batch) => checkLoss(loss as LogitLoss, batch, { order: 2 }))))

  test('stays finite for logits to ±1e4, equal samples, constant rows, one sample, one class', () =>
    fc.assert(
      fc.asyncProperty(logitBatch({ largest: 1e4, degenerate: true, leastClasses: 1 }), (batch) =>
        checkFinite(loss as LogitLoss, batch),
      ),
    ))
})

describe('the contract itself', () => {
  const batch = {
    student: { logits: tensor([[1, 2, -1]]) },
    teacher: { logits: tensor([[0, 1, 1]]) },
    labels: tensor(Int32Array.of(1)),
  }

  test('refuses a gradient that misses a term', async () => {
    // z² with one z taken for a constant: half the gradient.
    const wrong: LogitLoss = ({ student: { logits: z } }) => z.mul(z.detach()).mean()
    await expect(checkLoss(wrong, batch)).rejects.toThrow(
      /^wrong: gradcheck: the gradient is wrong in input 0/,
    )
  })

  test('refuses a gradient that reaches the teacher', async () => {
    const leaky: LogitLoss = ({ student, teacher }) => student.logits.mul(teacher.logits).mean()
    await expect(checkLoss(leaky, batch)).rejects.toThrow(/^leaky: a gradient reaches the teacher/)
  })

  test('refuses NaN and more than one number', async () => {
    const nan: LogitLoss = ({ student }) => student.logits.log().mean()
    await expect(checkFinite(nan, batch)).rejects.toThrow(/^nan: the value is not finite/)
    const rows: LogitLoss = ({ student }) => student.logits
    await expect(checkFinite(rows, batch)).rejects.toThrow(/^rows: a loss is one number/)
  })

  test('a wrong second derivative is found though the first is right', async () => {
    // exp written so that its derivative is a constant in disguise.
    const z = tensor([0.3, -0.2])
    const report = await gradcheck(
      (x) =>
        x
          .mul(x.exp().detach())
          .add(x.exp().sub(x.mul(x.exp()).detach()))
          .sum(),
      [z],
    )
    expect(report.ok).toBe(false)
  })

  test('a counterexample prints as code', () => {
    const failed = fc.check(
      fc.property(logitBatch(), () => false),
      { seed: 1 },
    )
    expect(fc.defaultReportMessage(failed)).toMatch(/"logits":tensor\(\[.*\], \[1, 2\]\)/)
  })
})
