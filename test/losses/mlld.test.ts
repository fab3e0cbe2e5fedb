import { describe, expect, test } from 'vitest'
import { gradcheck } from '../../src/check/index.ts'
import { grad, softmax, type Tensor, tensor } from '../../src/index.ts'
import { ce, kldiv, mlld } from '../../src/losses/index.ts'
import { batchCorrelation, classCorrelation } from '../../src/losses/parts/correlations.ts'
import {
  check as checked,
  gradient,
  same,
  sameLoss,
  sample,
  samples,
  total,
  type ViewBatch,
  zero,
} from '../support/logit-checks.ts'
import { thrownBy } from '../support/thrown.ts'

/** Five temperatures make each of these a large graph: few and small batches. */
const check = (property: (batch: ViewBatch, temperature: number) => Promise<void>) =>
  checked(property, { samples: 4, classes: 5 }, { numRuns: 8 })

const TEMPERATURES = [4, 3, 5, 2, 6]
const FORMS = ['published', 'meant'] as const
const none = { instanceWeight: 0, classWeight: 0, batchWeight: 0, strongCe: 0 }
const instance = { ...none, instanceWeight: 1 }

/** The strong view as a batch of its own. */
const strongBatch = ({ view, labels }: ViewBatch) => ({
  student: view.student,
  teacher: view.teacher,
  labels,
})

const kl = (batch: Pick<ViewBatch, 'student' | 'teacher'>, temperatures = TEMPERATURES) =>
  total(temperatures.map((temperature) => kldiv(batch, { temperature })))

/** 1 where an entry is not above the median, as numbers. */
function notAboveMedian(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
  return values.map((x) => Number(x <= median))
}

/** Which samples and classes count, from the teacher's probabilities. */
async function masks({ teacher }: Pick<ViewBatch, 'teacher'>) {
  const p = softmax(teacher.logits, 1)
  const [sure, mass] = [(await p.amax(1).toArray()) as number[], (await p.sum(0).toArray()) as number[]]
  return { samples: notAboveMedian(sure), classes: notAboveMedian(mass) }
}

const share = (mask: readonly number[]) => mask.reduce((sum, x) => sum + x, 0) / mask.length

describe('instance terms', () => {
  test("in form 'published' are KD, scaled by the share of samples and partly of the wrong view", () =>
    check(async (batch) => {
      const { samples } = await masks(batch)
      const wanted = kl(batch)
        .mul(share(samples))
        .add(kl(strongBatch(batch), [4, 3, 5]))
        .add(kl(batch, [2, 6]))
      await sameLoss(mlld(batch, instance), wanted, batch)
    }))

  test("in form 'meant' are KD of the samples that count, and of all in the strong view", () =>
    check(async (batch) => {
      const kept = (await masks(batch)).samples
      const weak = samples(batch).map((one, i) => kl(one).mul(kept[i]! / kept.length))
      const loss = mlld(batch, { ...instance, form: 'meant' })
      await sameLoss(loss, total(weak).add(kl(strongBatch(batch))), batch)
      const slopes = gradient(loss, batch)
      for (const [i, keep] of kept.entries()) if (!keep) await zero(slopes.select(0, i))
    }))

  test('take the temperature that they are told in place of the first', () =>
    check(async (batch, temperature) => {
      const meant = (temperature: number) => mlld(batch, { ...instance, form: 'meant', temperature })
      const strong = kl(strongBatch(batch), [temperature]).sub(kl(strongBatch(batch), [4]))
      const kept = (await masks(batch)).samples
      const weak = samples(batch).map((one, i) =>
        kl(one, [temperature])
          .sub(kl(one, [4]))
          .mul(kept[i]! / kept.length),
      )
      await same(meant(temperature).sub(meant(4)), strong.add(total(weak)))
    }))
})

describe('correlations', () => {
  test('of classes are |qᵀq - pᵀp|² / C, and of samples |qqᵀ - ppᵀ|² / N', () =>
    check(async ({ student, teacher }, T) => {
      const [q, p] = [student, teacher].map(({ logits }) => softmax(logits.div(T), 1)) as [Tensor, Tensor]
      const [n, c] = q.shape as [number, number]
      const difference = (a: Tensor, b: Tensor) => a.sub(b).square().sum()
      const [qt, pt] = [q.transpose(), p.transpose()]
      await same(
        classCorrelation(student.logits, teacher.logits, T).sum(),
        difference(qt.matmul(q), pt.matmul(p)).div(c),
      )
      await same(
        batchCorrelation(student.logits, teacher.logits, T).sum(),
        difference(q.matmul(qt), p.matmul(pt)).div(n),
      )
    }))

  test('of one sample are functions of lengths and one inner product', () =>
    check(async (batch, T) => {
      const one = sample(batch, 0)
      const [q, p] = [one.student, one.teacher].map(({ logits }) => softmax(logits.div(T), 1)) as [
        Tensor,
        Tensor,
      ]
      const [qq, pp, qp] = [q.mul(q).sum(), p.mul(p).sum(), q.mul(p).sum()]
      await same(batchCorrelation(one.student.logits, one.teacher.logits, T).sum(), qq.sub(pp).square())
      await same(
        classCorrelation(one.student.logits, one.teacher.logits, T).sum(),
        qq.square().add(pp.square()).sub(qp.square().mul(2)).div(q.shape[1]!),
      )
    }))

  test("in form 'published' are scaled by the share of samples or classes; the strong view has none", () =>
    check(async (batch) => {
      const { samples, classes } = await masks(batch)
      const [s, t] = [batch.student.logits, batch.teacher.logits]
      const ofClasses = total(TEMPERATURES.map((T) => classCorrelation(s, t, T).sum())).mul(share(classes))
      const ofSamples = total(TEMPERATURES.map((T) => batchCorrelation(s, t, T).sum())).mul(share(samples))
      const [byClass, byBatch] = [{ classWeight: 1 }, { batchWeight: 1 }].map((weight) =>
        mlld(batch, { ...none, ...weight }),
      ) as [Tensor, Tensor]
      await sameLoss(byClass, ofClasses, batch)
      await sameLoss(byBatch, ofSamples, batch)
      await zero(grad(byClass.add(byBatch), [batch.view.student.logits])[0]!)
    }))

  test("in form 'meant' count the classes and samples that are picked, and all of the strong view", () =>
    check(async (batch) => {
      const { samples, classes } = await masks(batch)
      const [weak, strong] = [batch, strongBatch(batch)]
      const both = (correlation: typeof classCorrelation, mask: readonly number[]) =>
        total(
          TEMPERATURES.map((T) =>
            correlation(weak.student.logits, weak.teacher.logits, T)
              .mul(tensor([...mask]))
              .add(correlation(strong.student.logits, strong.teacher.logits, T))
              .sum(),
          ),
        )
      const form = 'meant'
      await sameLoss(mlld(batch, { ...none, classWeight: 1, form }), both(classCorrelation, classes), batch)
      await sameLoss(mlld(batch, { ...none, batchWeight: 1, form }), both(batchCorrelation, samples), batch)
    }))
})

describe.each(FORMS)('form %s', (form) => {
  test('is 0 with gradient 0 where the student equals the teacher in both views', () =>
    check(async (batch) => {
      const view = { student: batch.view.student, teacher: batch.view.student }
      const equal = { ...batch, teacher: batch.student, view }
      const value = mlld(equal, { form, strongCe: 0 })
      await same(value, value.detach().mul(0))
      for (const z of [batch.student.logits, view.student.logits])
        await same(grad(value, [z])[0]!, z.detach().mul(0))
    }))

  test('carries the cross-entropy of the strong view, and that alone', () =>
    check((batch) =>
      sameLoss(
        mlld(batch, { form, strongCe: 2 }).sub(mlld(batch, { form, strongCe: 0 })),
        ce(strongBatch(batch)).mul(2),
        batch,
      ),
    ))
})

test("form 'meant' has the right gradient in both views", () =>
  check(async (batch) => {
    const report = await gradcheck(
      (weak: Tensor, strong: Tensor) =>
        mlld(
          { ...batch, student: { logits: weak }, view: { ...batch.view, student: { logits: strong } } },
          { form: 'meant' },
        ),
      [batch.student.logits, batch.view.student.logits],
    )
    expect(report.ok, String(report)).toBe(true)
  }))

test('the two forms agree on instances where all samples are equal', () =>
  check(async (batch) => {
    const { logits } = sample(batch, 0).teacher
    const teacher = { logits: logits.expand(batch.student.logits.shape) }
    const equal = { ...batch, teacher, view: { student: batch.student, teacher } }
    await same(mlld(equal, instance), mlld(equal, { ...instance, form: 'meant' }))
  }))

describe('a view that does not fit', () => {
  const side = (...shape: [number, number]) => ({
    logits: tensor(Array(shape[0]).fill(Array(shape[1]).fill(1))),
  })
  const batch = { student: side(2, 3), teacher: side(2, 3), labels: tensor(Int32Array.of(0, 1)) }

  test('without a teacher', () => {
    const alone = { ...batch, view: { student: side(2, 3) } }
    expect(thrownBy(() => mlld(alone)).message).toBe(
      "mlld: needs the teacher's output for the second view, got the student's alone. Give view: { student, teacher } in the batch.",
    )
  })

  test('of other classes', () => {
    const other = { ...batch, view: { student: side(2, 3), teacher: side(2, 4) } }
    expect(thrownBy(() => mlld(other)).message).toBe(
      'mlld: student and view.teacher logits differ in shape, got [2, 3] and [2, 4]. Give logits of the same samples and classes.',
    )
  })
})
