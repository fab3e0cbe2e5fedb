import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkFinite,
  checkLoss,
  type DistillBatch,
  distillBatch,
  gradcheck,
  logitBatch,
} from '../src/check/index.ts'
import { customGradient } from '../src/index.ts'
import { losses } from '../src/losses/index.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { sensible, trials } from './support/loss-settings.ts'

// What holds for every loss in the registry, whatever it is. A loss is here from the moment that it is declared.

describe.each([...losses])('%s', (id, loss) => {
  const { leastSamples = 1, ...trial } = trials[id] ?? {}
  const enough = (batches: fc.Arbitrary<DistillBatch>) =>
    batches.filter(({ student }) => student.logits.shape[0]! >= leastSamples)

  test('is a finite scalar with the right gradient, none to the teacher', () =>
    fc.assert(
      fc.asyncProperty(enough(distillBatch()), (batch) => checkLoss(loss, batch, trial)),
      { numRuns: Math.ceil(runs() / 2) },
    ))

  test('stays finite, with a gradient of sensible size, on everything that has broken published code', () =>
    fc.assert(
      fc.asyncProperty(enough(extreme), async (batch) => {
        expect(await checkFinite(loss, batch, trial)).toBeLessThan(sensible(id))
      }),
    ))

  test('stays finite with a thousand classes', () =>
    fc.assert(
      fc.asyncProperty(
        enough(distillBatch({ ...worst, samples: 2, leastClasses: 1000, classes: 1000 })),
        async (batch) => {
          await checkFinite(loss, batch, trial)
        },
      ),
      { numRuns: 2, endOnFailure: true },
    ))
})

const runs = () => fc.readConfigureGlobal()?.numRuns ?? 30
/** Logits to ±1e4, equal samples, constant rows, maps that are 0 or constant, dead channels, one sample, two classes. */
const worst = { largest: 1e4, largestFeature: 100, degenerate: true }
const extreme = distillBatch(worst)

describe('the contract itself', () => {
  const batch = {
    student: { logits: tensor([[1, 2, -1]]) },
    teacher: { logits: tensor([[0, 1, 1]]) },
    labels: tensor(Int32Array.of(1)),
  }
  type Given = typeof batch

  test('refuses a gradient that misses a term', async () => {
    // z² with one z taken for a constant: half the gradient.
    const wrong = ({ student: { logits: z } }: Given) => z.mul(z.detach()).mean()
    await expect(checkLoss(wrong, batch)).rejects.toThrow(
      /^wrong: gradcheck: the gradient is wrong in input 0/,
    )
    // On purpose it is another function, with another derivative.
    await checkLoss(wrong, batch, { detached: 'held' })
  })

  test('refuses a gradient that reaches the teacher', async () => {
    const leaky = ({ student, teacher }: Given) => student.logits.mul(teacher.logits).mean()
    await expect(checkLoss(leaky, batch)).rejects.toThrow(/^leaky: a gradient reaches the teacher/)
  })

  test('refuses NaN and more than one number', async () => {
    const nan = ({ student }: Given) => student.logits.log().mean()
    await expect(checkFinite(nan, batch)).rejects.toThrow(/^nan: the value is not finite/)
    const rows = ({ student }: Given) => student.logits
    await expect(checkFinite(rows, batch)).rejects.toThrow(/^rows: a loss is one number/)
  })

  test('a wrong second derivative is found though the first is right', async () => {
    // exp written so that its derivative is a constant in disguise.
    const z = tensor([0.3, -0.2])
    const report = await gradcheck(
      (x: Tensor) =>
        x
          .mul(x.exp().detach())
          .add(x.exp().sub(x.mul(x.exp()).detach()))
          .sum(),
      [z],
    )
    expect(report.ok).toBe(false)
  })

  test('a kink closer than the step is no fault of the gradient, and hides none', async () => {
    const near = tensor([3e-6, -4e-6, 0.5])
    const kinked = await gradcheck(
      (x: Tensor) =>
        x
          .relu()
          .mul(tensor([1, 2, 3]))
          .sum(),
      [near],
    )
    expect(kinked.ok, String(kinked)).toBe(true)
    const halved = (x: Tensor) =>
      customGradient(x.relu(), [x], (g) => [g.mul(x.gt(0).toFloat()).mul(0.5)]).sum()
    expect((await gradcheck(halved, [near])).ok).toBe(false)
  })

  test('a counterexample prints as code', () => {
    const failed = fc.check(
      fc.property(logitBatch(), () => false),
      { seed: 1 },
    )
    expect(fc.defaultReportMessage(failed)).toMatch(/"logits":tensor\(\[.*\], \[1, 2\]\)/)
  })
})
