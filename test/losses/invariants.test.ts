import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gradcheck } from '../../src/check/gradcheck.ts'
import { cosineSimilarity, grad, softmax, type Tensor, tensor } from '../../src/index.ts'
import { ce, dist, dkd, kldiv } from '../../src/losses/index.ts'
import { testDevice } from '../setup.ts'
import { type LogitBatch, logitBatch } from '../support/batches.ts'

// What must hold for every batch: shared/specs/kd-methods.md, section 8.

/** Of the largest number, or of 1. */
const allowed = testDevice === 'reference' ? 1e-9 : 2e-5

async function same(got: Tensor, wanted: Tensor, slack = allowed): Promise<void> {
  const [a, b] = [await got.data(), await wanted.data()]
  expect(a.length).toBe(b.length)
  const largest = Math.max(1, ...b.map(Math.abs))
  b.forEach((x, i) => {
    expect(Math.abs(a[i]! - x), `at ${i}: ${a[i]} and ${x}`).toBeLessThanOrEqual(slack * largest)
  })
}

const check = (
  batches: fc.Arbitrary<LogitBatch>,
  property: (batch: LogitBatch, temperature: number) => Promise<void>,
) => fc.assert(fc.asyncProperty(batches, fc.constantFrom(0.5, 1, 4), property))

const gradient = (loss: Tensor, { student }: LogitBatch): Tensor => grad(loss, [student.logits])[0]!

const zeroLike = (x: Tensor): Tensor => x.detach().mul(0)

/** Every row moved by an amount of its own. */
const shifted = (x: Tensor): Tensor =>
  x.add(tensor(Array.from({ length: x.shape[0]! }, (_, i) => [i * 0.75 - 1.5])))

describe.each([ce, kldiv, dkd, dist])('$id', (loss) => {
  test('does not change when a row of logits is shifted', () =>
    check(logitBatch(), async (batch, temperature) => {
      const params = 'temperature' in loss.defaults ? { temperature } : {}
      const moved = {
        ...batch,
        student: { logits: shifted(batch.student.logits) },
        teacher: { logits: shifted(batch.teacher.logits) },
      }
      // Probabilities move by a rounding error, which the correlation of a row divides by the spread of the row.
      fc.pre(loss !== dist || (await leastSpread(batch, temperature)) > 1e-2)
      await same(loss(moved, params), loss(batch, params), loss === dist ? allowed * 100 : allowed)
    }))

  test('has the gradient of first and second order that central differences find', () =>
    check(logitBatch(), async (batch, temperature) => {
      const params = 'temperature' in loss.defaults ? { temperature } : {}
      fc.pre(loss !== dist || (await leastSpread(batch, temperature)) > 0.1)
      const report = await gradcheck(
        (logits) => loss({ ...batch, student: { logits } }, params),
        [batch.student.logits],
        { order: 2 },
      )
      expect(report.ok, String(report)).toBe(true)
    }))
})

/** How little the tempered logits of either side vary, in the flattest row or column. */
async function leastSpread({ student, teacher, n }: LogitBatch, temperature: number): Promise<number> {
  const spread = (x: Tensor, dim: number) => x.amax(dim).sub(x.amin(dim)).amin()
  const all = [student, teacher].flatMap(({ logits }) => {
    const centred = logits.div(temperature).softmax(1)
    return [spread(centred, 1), ...(n > 1 ? [spread(centred, 0)] : [])]
  })
  return Math.min(...(await Promise.all(all.map((x) => x.item()))))
}

describe.each([kldiv, dkd])('$id', (loss) => {
  test('is 0 and has gradient 0 where the student equals the teacher', () =>
    check(logitBatch(), async (batch, temperature) => {
      const equal = { ...batch, teacher: batch.student }
      const value = loss(equal, { temperature })
      await same(value, zeroLike(value))
      await same(gradient(value, batch), zeroLike(batch.student.logits))
    }))

  test('is never negative', () =>
    check(logitBatch(), async (batch, temperature) => {
      expect(await loss(batch, { temperature }).item()).toBeGreaterThanOrEqual(-allowed)
    }))
})

describe('ce', () => {
  test('with the teacher as soft labels has the gradient of kldiv at T 1', () =>
    check(logitBatch(), async (batch) => {
      const soft = ce({ ...batch, labels: softmax(batch.teacher.logits, 1) })
      await same(gradient(soft, batch), gradient(kldiv(batch, { temperature: 1 }), batch))
    }))
})

describe('kldiv', () => {
  test('has the gradient T / N (softmax(s / T) - softmax(t / T))', () =>
    check(logitBatch(), async (batch, temperature) => {
      const { student, teacher, n } = batch
      const formula = softmax(student.logits.div(temperature), 1)
        .sub(softmax(teacher.logits.div(temperature), 1))
        .mul(temperature / n)
      await same(gradient(kldiv(batch, { temperature }), batch), formula)
    }))

  test('tends to the mean square of centred logit differences as T grows', () =>
    check(logitBatch({ most: 2 }), async (batch) => {
      const d = batch.student.logits.sub(batch.teacher.logits)
      const limit = d.sub(d.mean(1, true)).square().mean().mul(0.5)
      // T² takes up rounding, and the next term of the series goes with 1 / T.
      if (testDevice === 'reference') await same(kldiv(batch, { temperature: 1000 }), limit, 1e-2)
    }))

  test('is TCKD + (1 - the teacher’s probability of the target) NCKD, for a sample', () =>
    check(logitBatch({ mostSamples: 1 }), async (batch, temperature) => {
      const p = softmax(batch.teacher.logits.div(temperature), 1).gather(1, batch.labels.reshape([1, 1]))
      const tckd = dkd(batch, { alpha: 1, beta: 0, temperature })
      const nckd = dkd(batch, { alpha: 0, beta: 1, temperature })
      await same(kldiv(batch, { temperature }), tckd.add(nckd.mul(p.neg().add(1).reshape([]))))
    }))
})

describe('dkd', () => {
  test('has no NCKD with two classes', () =>
    check(
      logitBatch({ leastClasses: 2 }).filter(({ c }) => c === 2),
      async (batch, temperature) => {
        const nckd = dkd(batch, { alpha: 0, beta: 1, temperature })
        expect(Math.abs(await nckd.item())).toBe(0)
        expect((await gradient(nckd, batch).data()).every((x) => Math.abs(x) === 0)).toBe(true)
      },
    ))

  test('takes of soft labels the first largest entry', () =>
    check(logitBatch(), async (batch, temperature) => {
      const { labels, n, c } = batch
      const soft = Array.from({ length: n }, (_, i) =>
        Array.from({ length: c }, (_, k) => (k >= labels.host![i]! ? 0.5 : 0.25)),
      )
      await same(dkd({ ...batch, labels: tensor(soft) }, { temperature }), dkd(batch, { temperature }))
    }))
})

describe('dist', () => {
  const spread = (batch: LogitBatch, temperature: number) => leastSpread(batch, temperature)

  test('is all but 0 where the student equals the teacher', () =>
    check(logitBatch({ leastSamples: 2 }), async (batch, temperature) => {
      fc.pre((await spread(batch, temperature)) > 1e-2)
      const value = await dist({ ...batch, teacher: batch.student }, { temperature }).item()
      expect(Math.abs(value)).toBeLessThan(2e-4 * temperature ** 2)
    }))

  test('between samples’ classes does not see scaling or a constant in the probabilities', () =>
    check(logitBatch(), async (batch) => {
      fc.pre((await spread(batch, 1)) > 1e-2)
      const q = softmax(batch.student.logits, 1)
      const damped = q.mul(0.5).add(0.5 / batch.c)
      const inter = { beta: 1, gamma: 0, temperature: 1 }
      // Only the 1e-8 beside the product of norms feels the scale.
      await same(dist({ ...batch, student: { logits: damped.log() } }, inter), dist(batch, inter), 1e-4)
    }))

  test('between classes is 1 less the cosine of what deviates from the mean, between samples too', () =>
    check(logitBatch({ leastSamples: 2 }), async (batch, temperature) => {
      fc.pre((await spread(batch, temperature)) > 1e-2)
      const deviation = ({ logits }: { logits: Tensor }, dim: number) => {
        const p = softmax(logits.div(temperature), 1)
        return p.sub(p.mean(dim, true))
      }
      for (const [part, dim] of [
        [{ beta: 1, gamma: 0 }, 1],
        [{ beta: 0, gamma: 1 }, 0],
      ] as const) {
        const cosine = cosineSimilarity(deviation(batch.teacher, dim), deviation(batch.student, dim), { dim })
        const wanted = cosine
          .mean()
          .neg()
          .add(1)
          .mul(temperature ** 2)
        // Only the 1e-8 beside the product of norms tells them apart.
        await same(dist(batch, { ...part, temperature }), wanted, 2e-3)
      }
    }))

  test('does not depend on the order of samples or classes', () =>
    check(logitBatch(), async (batch, temperature) => {
      fc.pre((await spread(batch, temperature)) > 1e-2)
      const turned = ({ logits }: { logits: Tensor }) => ({ logits: logits.flip([0, 1]) })
      const moved = { ...batch, student: turned(batch.student), teacher: turned(batch.teacher) }
      await same(dist(moved, { temperature }), dist(batch, { temperature }), allowed * 100)
    }))

  test('lies between 0 and 2 T² for each of its two parts', () =>
    check(logitBatch(), async (batch, temperature) => {
      for (const part of [
        { beta: 1, gamma: 0 },
        { beta: 0, gamma: 1 },
      ]) {
        const value = (await dist(batch, { ...part, temperature }).item()) / temperature ** 2
        expect(value).toBeGreaterThanOrEqual(-allowed)
        expect(value).toBeLessThanOrEqual(2 + allowed)
      }
    }))
})
