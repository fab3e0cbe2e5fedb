import { describe, expect, test } from 'vitest'
import type { LogitBatch } from '../../src/check/index.ts'
import { crossEntropy, softmax, type Tensor, tensor } from '../../src/index.ts'
import { ce, dkd, kldiv, lskd, nkd, rld, ttm, wsld, wttm } from '../../src/losses/index.ts'
import { testDevice } from '../setup.ts'
import {
  check,
  goldenBatch,
  gradient,
  same,
  sameLoss,
  sample,
  samples,
  total,
  zero,
} from '../support/logit-checks.ts'
import { expectGolden } from '../support/same.ts'

describe('golden values', () => {
  const batch = goldenBatch()
  const rows: readonly (readonly [string, () => Tensor, value: number, norm: number, first: number])[] = [
    ['lskd', () => lskd(batch), 0.926328183857, 0.0962564590345, -0.0494979759931],
    ['nkd', () => nkd(batch), 3.41000318679, 0.606501864613, -0.167625954015],
    ['ttm', () => ttm(batch), 0.86697772658, 0.243407635027, 0.00679065517414],
    ['wttm', () => wttm(batch), 2.98905109721, 0.798851129859, -0.0389002387103],
  ]

  test.each(rows)('%s', async (_, loss, value, norm, first) => {
    await expectGolden(loss(), batch.student.logits, [value, norm, first])
  })
})

describe('ttm', () => {
  test('has the gradient (softmax(s) - q) / N, q: powers of the teacher’s probabilities', () =>
    check(async (batch, exponent) => {
      const powers = softmax(batch.teacher.logits, 1).pow(exponent)
      const q = powers.div(powers.sum(1, true))
      const wanted = softmax(batch.student.logits, 1).sub(q).div(batch.labels.size)
      await same(gradient(ttm(batch, { exponent }), batch), wanted)
    }))

  test('is KD at temperature 1 where the exponent is 1', () =>
    check((batch) => sameLoss(ttm(batch, { exponent: 1 }), kldiv(batch, { temperature: 1 }), batch)))

  test('is KD at temperature 1 of a teacher whose logits are scaled', () =>
    check((batch, exponent) => {
      const teacher = { logits: batch.teacher.logits.mul(exponent) }
      return sameLoss(ttm(batch, { exponent }), kldiv({ ...batch, teacher }, { temperature: 1 }), batch)
    }))
})

describe('wttm', () => {
  test('is KD at temperature 1 where the exponent is 1', () =>
    check((batch) => sameLoss(wttm(batch, { exponent: 1 }), kldiv(batch, { temperature: 1 }), batch)))

  test('is TTM of each sample times the sum of the teacher’s powers', () =>
    check((batch, exponent) => {
      const each = samples(batch).map((one) =>
        ttm(one, { exponent }).mul(softmax(one.teacher.logits, 1).pow(exponent).sum()),
      )
      return sameLoss(wttm(batch, { exponent }), total(each).div(each.length), batch)
    }))

  test('weighs a teacher who is certain by 1, and one who does not know most', async () => {
    const student = { logits: tensor([[1, -1, 2, 0]]) }
    const certain = { logits: tensor([[1e4, 0, -1e4, 5]]) }
    const lost = { logits: tensor([[7, 7, 7, 7]]) }
    const ratio = async (teacher: { logits: Tensor }) =>
      (await wttm({ student, teacher }, { exponent: 0.5 }).item()) /
      (await ttm({ student, teacher }, { exponent: 0.5 }).item())
    expect(await ratio(certain)).toBeCloseTo(1, 5)
    expect(await ratio(lost)).toBeCloseTo(2, 5)
  })
})

describe('nkd', () => {
  test('is the cross-entropy where the teacher is certain of the label, and gamma is 0', () =>
    check((batch) => {
      const teacher = { logits: certain(batch) }
      return sameLoss(nkd({ ...batch, teacher }, { gamma: 0 }), ce(batch), batch)
    }))

  test('is the cross-entropy with the teacher and (1 - p) log(1 - q) where gamma is 1 - p, for a sample', () =>
    check(async (batch) => {
      const one = sample(batch, 0)
      const label = one.labels.reshape([1, 1])
      const ofLabel = (x: Tensor) => softmax(x, 1).gather(1, label).reshape([])
      const gamma = 1 - (await ofLabel(one.teacher.logits).item())
      const soft = ce({ ...one, labels: softmax(one.teacher.logits, 1) })
      const rest = ofLabel(one.student.logits).neg().add(1).log()
      if (testDevice === 'reference') await same(nkd(one, { gamma }), soft.add(rest.mul(gamma)), 1e-8)
    }))

  test('has the gradient of NCKD in the classes beside the label', () =>
    check(async (batch, temperature) => {
      const others = nkd(batch, { gamma: 1, temperature }).sub(nkd(batch, { gamma: 0, temperature }))
      const nckd = dkd(batch, { alpha: 0, beta: 1, temperature })
      await same(gradient(others, batch), gradient(nckd, batch))
    }))

  test('takes of soft labels the largest entry', () =>
    check(async (batch) => {
      const soft = { ...batch, labels: softmax(certain(batch).div(5e3), 1) }
      await same(nkd(soft), nkd(batch))
    }))

  test('has no second part with one class', async () => {
    const one = { student: { logits: tensor([[1e4], [-3]]) }, teacher: { logits: tensor([[5], [7]]) } }
    const batch = { ...one, labels: tensor(Int32Array.of(0, 0)) }
    await zero(nkd(batch))
    await zero(gradient(nkd(batch), batch))
  })
})

describe('wsld', () => {
  test('is KD of each sample times 1 - exp(-CE_s / CE_t), which the gradient takes for a constant', () =>
    check(async (batch, temperature) => {
      const weight = (one: ReturnType<typeof sample>) =>
        ce(one).div(crossEntropy(one.teacher.logits, one.labels).add(1e-7)).neg().exp().neg().add(1).detach()
      const each = samples(batch).map((one) => kldiv(one, { temperature }).mul(weight(one)))
      await sameLoss(wsld(batch, { temperature }), total(each).div(each.length), batch)
    }))

  test('is KD where the teacher is certain of the label and the student is not', () =>
    check((batch) => {
      const sure = { ...batch, teacher: { logits: certain(batch) } }
      return sameLoss(wsld(sure), kldiv(sure), batch)
    }))

  test('is 0 where the student is certain of the label', () =>
    check(async (batch) => {
      const sure = { ...batch, student: { logits: certain(batch) } }
      await zero(wsld(sure))
      await zero(gradient(wsld(sure), sure))
      const both = { ...sure, teacher: { logits: certain(batch).mul(0.5) } }
      await zero(wsld(both))
    }))

  test('is 0 with gradient 0 where the student equals the teacher', () =>
    check(async (batch, temperature) => {
      const equal = { ...batch, teacher: batch.student }
      const value = wsld(equal, { temperature })
      await same(value, value.detach().mul(0))
      await same(gradient(value, batch), batch.student.logits.detach().mul(0))
    }))
})

describe('rld', () => {
  /** The teacher's logits with the label above all others. */
  const right = (batch: LogitBatch) => {
    const logits = batch.teacher.logits.add(certain(batch).mul(20 / 1e4))
    return { ...batch, teacher: { logits } }
  }

  test('is DKD where the teacher is right and the temperatures are equal', () =>
    check((batch, temperature) => {
      const params = { alpha: 2, beta: 3, temperature }
      const correct = right(batch)
      const refined = rld(correct, { ...params, confidenceTemperature: temperature })
      return sameLoss(refined, dkd(correct, params), batch)
    }))

  test('hands on how sure the teacher is of its top class as if that were the label', () =>
    check(async (batch, confidenceTemperature) => {
      const swapped = Array.from({ length: batch.labels.size }, (_, i) => {
        const row = hostRow(batch.teacher.logits, i)
        const [label, top] = [batch.labels.host![i]!, row.indexOf(Math.max(...row))]
        return row.map((x, c) => (c === label ? row[top]! : c === top ? row[label]! : x))
      })
      const scd = rld(batch, { alpha: 1, beta: 0, confidenceTemperature })
      const tckd = dkd(
        { ...batch, teacher: { logits: tensor(swapped) } },
        { alpha: 1, beta: 0, temperature: confidenceTemperature },
      )
      await sameLoss(scd, tckd, batch)
    }))

  test('says nothing about the label and the classes that the teacher prefers to it', () =>
    check(async (batch, temperature) => {
      const mcd = rld(batch, { alpha: 0, beta: 1, temperature })
      const slopes = (await gradient(mcd, batch).toArray()) as number[][]
      slopes.forEach((row, i) => {
        const theirs = hostRow(batch.teacher.logits, i)
        const label = theirs[batch.labels.host![i]!]!
        const silent = row.filter((_, c) => theirs[c]! >= label)
        expect(silent.map(Math.abs)).toEqual(silent.map(() => 0))
      })
    }))

  test('is KD among the classes below the label', async () => {
    const batch = {
      student: { logits: tensor([[1, -2, 0.5, 3]]) },
      teacher: { logits: tensor([[2, 5, 1, -1]]) },
      labels: tensor(Int32Array.of(0)),
    }
    const below = { student: { logits: tensor([[0.5, 3]]) }, teacher: { logits: tensor([[1, -1]]) } }
    await same(rld(batch, { alpha: 0, beta: 1, temperature: 2 }), kldiv(below, { temperature: 2 }))
  })

  test('has no MCD where the teacher puts no class below the label', async () => {
    const batch = {
      student: { logits: tensor([[1, -2, 0.5]]) },
      teacher: { logits: tensor([[3, 3, 3]]) },
      labels: tensor(Int32Array.of(2)),
    }
    const mcd = rld(batch, { alpha: 0 })
    await zero(mcd)
    await zero(gradient(mcd, batch))
  })

  test('is 0 with gradient 0 where the student equals a teacher who is right', () =>
    check(async (batch, temperature) => {
      const { teacher } = right(batch)
      const equal = { ...batch, student: teacher, teacher }
      const value = rld(equal, { temperature })
      await same(value, value.detach().mul(0))
      await same(gradient(value, equal), teacher.logits.detach().mul(0))
    }))
})

/** Logits of one who is certain of the labels: 1e4 for them, 0 for the rest. */
function certain({ labels, student }: LogitBatch): Tensor {
  const classes = student.logits.shape[1]!
  return tensor(
    Array.from(labels.host!, (label) => Array.from({ length: classes }, (_, c) => (c === label ? 1e4 : 0))),
  )
}

/** A row of logits [N, C], as numbers. */
function hostRow(logits: Tensor, i: number): number[] {
  const classes = logits.shape[1]!
  return Array.from(logits.host!.slice(i * classes, (i + 1) * classes))
}
