import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../src/index.ts'
import {
  at,
  ctkd,
  dkd,
  kldiv,
  lskd,
  lskdDkd,
  mlld,
  positive,
  sdd,
  standardised,
} from '../../src/losses/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { allowed, check, gradient, same, sameLoss, type ViewBatch, zero } from '../support/logit-checks.ts'
import { thrownBy } from '../support/thrown.ts'

/** Rows of mean 0 and deviation 1, from the words of the vocabulary. */
const plain = (z: Tensor): Tensor => z.sub(z.mean(1, true)).div(z.std(1, true, true).add(1e-7))

const plainBatch = (batch: ViewBatch) => ({
  ...batch,
  student: { logits: plain(batch.student.logits) },
  teacher: { logits: plain(batch.teacher.logits) },
})

const equalSides = (batch: ViewBatch) => ({ ...batch, teacher: batch.student })

test('lskd is KD of standardised logits', () =>
  check((batch, temperature) =>
    sameLoss(lskd(batch, { temperature }), kldiv(plainBatch(batch), { temperature }), batch),
  ))

test('lskdDkd is DKD of standardised logits', () =>
  check((batch, temperature) => {
    const params = { alpha: 0.5, beta: 2, temperature }
    return sameLoss(lskdDkd(batch, params), dkd(plainBatch(batch), params), batch)
  }))

test('a z + b with a > 0 gives the same loss, on either side', () =>
  check(async (batch, temperature) => {
    const affine = ({ logits }: { readonly logits: Tensor }) => ({
      logits: logits.mul(3).add(tensor(Array.from({ length: logits.shape[0]! }, (_, i) => [i - 1.5]))),
    })
    const moved = { ...batch, student: affine(batch.student), teacher: affine(batch.teacher) }
    // Only the 1e-7 beside the deviation feels the scale.
    await same(lskd(moved, { temperature }), lskd(batch, { temperature }), allowed + 2e-6)
    await same(lskdDkd(moved, { temperature }), lskdDkd(batch, { temperature }), 10 * allowed + 1e-4)
  }))

test.each([
  ['lskd', lskd],
  ['lskdDkd', lskdDkd],
] as const)('%s is 0 with gradient 0 where the student equals the teacher', (_, loss) =>
  check(async (batch, temperature) => {
    const value = loss(equalSides(batch), { temperature })
    await same(value, value.detach().mul(0))
    await same(gradient(value, batch), batch.student.logits.detach().mul(0))
  }),
)

describe('a row that does not vary', () => {
  const teacher = {
    logits: tensor([
      [1, -2, 0.5, 3, 2],
      [-1, 4, 0, 2, 1],
    ]),
  }
  const labels = tensor(Int32Array.of(0, 3))
  const step = 2 ** -10

  test.each([
    ['of one number', [7.3, 7.3, 7.3, 7.3, 7.3]],
    ['of a large number', [-1e4, -1e4, -1e4, -1e4, -1e4]],
    ['up to the rounding of float32', [1e4, 1e4 + step, 1e4, 1e4 - step, 1e4]],
  ])('%s gets no gradient and counts as 0', async (_, row) => {
    const varied = [0.5, 2, -1, 3, 1]
    const batch = { student: { logits: tensor([row, varied]) }, teacher, labels }
    const flat = { student: { logits: tensor([[0, 0, 0, 0, 0], varied]) }, teacher, labels }
    for (const loss of [lskd, lskdDkd]) {
      await same(loss(batch), loss(flat))
      const slopes = gradient(loss(batch), batch)
      await zero(slopes.select(0, 0))
      await same(slopes.select(0, 1), gradient(loss(flat), flat).select(0, 1))
      expect(await slopes.select(0, 1).abs().amax().item()).toBeGreaterThan(1e-3)
    }
  })

  test('of one class gives 0', async () => {
    const batch = { student: { logits: tensor([[3], [-1]]) }, teacher: { logits: tensor([[2], [5]]) } }
    await zero(lskd(batch))
    await zero(gradient(lskd(batch), batch))
  })
})

describe('standardised', () => {
  test('keeps parameters and needs, and changes the defaults that it is told to', () => {
    expect(lskd.defaults).toEqual({ temperature: 2 })
    expect(lskd.needs).toEqual(['teacher'])
    expect(lskd.mix).toEqual({ weight: 9, ce: 0.1 })
    expect(lskdDkd.defaults).toEqual({ alpha: 9, beta: 72, temperature: 2 })
    expect(lskdDkd.needs).toEqual(['teacher', 'labels'])
    expect(lskdDkd.mix).toEqual(dkd.mix)
    const mine = standardised(dkd, { id: 'mine', defaults: { temperature: positive(3, 'here') } })
    expect(mine.defaults).toEqual({ alpha: 1, beta: 8, temperature: 3 })
  })

  test('speaks in its own name', () => {
    expect(thrownBy(() => lskd(undefined as never, { temperature: 0 })).message).toBe(
      'lskd: temperature must be positive, got 0. Its default is 2.',
    )
  })

  test('is for losses on logits, not on class maps', () => {
    expect(() => standardised(sdd, { id: 'never' })).toThrow(
      'standardised: it is for losses on logits, got sdd, which compares features (classMaps). Choose another loss.',
    )
  })

  test('is for losses on logits', () => {
    expect(thrownBy(() => standardised(at, { id: 'mine' })).message).toBe(
      'standardised: it is for losses on logits, got at, which compares features (maps). Choose another loss.',
    )
  })

  test('standardises the second view too', () =>
    check((batch) => {
      const mine = standardised(mlld, { id: 'mine' })
      const { student, teacher } = batch.view
      const view = { student: { logits: plain(student.logits) }, teacher: { logits: plain(teacher.logits) } }
      return sameLoss(mine(batch), mlld({ ...plainBatch(batch), view }), batch)
    }))

  test('asks for as strong a second view as the loss inside', () => {
    expect(standardised(mlld, { id: 'mine' }).strongView).toBe(true)
    expect(standardised(dkd, { id: 'mine' }).strongView).toBe(false)
  })

  test('has the adapters of the loss inside, and trains them', () =>
    check(async (batch) => {
      const mine = standardised(ctkd, { id: 'mine' }).prepare(batch)
      await sameLoss(mine(batch), ctkd.prepare(batch)(plainBatch(batch)), batch)
      const theta = mine.own.namedParameters().get('inner.own.temperature.theta')!
      const [before] = await theta.data()
      await new SGD(mine.own.parameters(), { lr: 100 }).step(mine(batch))
      const [after] = await theta.data()
      const still = (await mine(batch).item()) < 1e-6
      expect(after !== before || still).toBe(true)
    }))
})
