import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DistillBatch, distillBatch } from '../../src/check/index.ts'
import { grad, type Tensor, tensor } from '../../src/index.ts'
import { kldiv, sdd } from '../../src/losses/index.ts'
import { same, total } from '../support/logit-checks.ts'
import { thrownBy } from '../support/thrown.ts'

const check = (property: (batch: DistillBatch) => Promise<void>) =>
  fc.assert(fc.asyncProperty(distillBatch({ samples: 3, classes: 4 }), property), { numRuns: 15 })

/** KD of what the classifier says where `of` looks. */
const kdOf = ({ classMaps }: Pick<DistillBatch, 'classMaps'>, of: (maps: Tensor) => Tensor) =>
  kldiv({ student: { logits: of(classMaps.student) }, teacher: { logits: of(classMaps.teacher) } })

const whole = (maps: Tensor) => maps.mean([2, 3])
const cells = [0, 1].flatMap((row) =>
  [0, 1].map((column) => (maps: Tensor) => maps.select(2, row).select(2, column)),
)

const slope = (loss: Tensor, { classMaps }: Pick<DistillBatch, 'classMaps'>) =>
  grad(loss, [classMaps.student])[0]!

async function sameLoss(got: Tensor, wanted: Tensor, batch: Pick<DistillBatch, 'classMaps'>) {
  await same(got, wanted)
  await same(slope(got, batch), slope(wanted, batch))
}

test('of the whole image alone is KD', () =>
  check((batch) => sameLoss(sdd(batch, { scales: '1' }), kdOf(batch, whole), batch)))

test('is the mean of KD over all regions where none counts more', () =>
  check((batch) => {
    const each = [whole, ...cells].map((of) => kdOf(batch, of))
    return sameLoss(sdd(batch, { scales: '1,2', complementary: 1 }), total(each).div(5), batch)
  }))

test('counts a region twice where the teacher is right in it alone, or wrong in it alone', async () => {
  // The classes' maps: the teacher says 0 of the whole image and of all cells but the last.
  const teacher = tensor([5, 5, 5, -1, 0, 0, 0, 2], [1, 2, 2, 2])
  const student = tensor([1, -2, 0.5, 3, 2, 1, -1, 0], [1, 2, 2, 2])
  const logits = tensor([[0, 0]])
  for (const label of [0, 1]) {
    const batch = {
      student: { logits },
      labels: tensor(Int32Array.of(label)),
      classMaps: { student, teacher },
    }
    const each = cells.map((of, i) => kdOf(batch, of).mul(i === 3 ? 2 : 1))
    await sameLoss(sdd(batch, { scales: '2' }), total(each).div(4), batch)
    const five = total([kdOf(batch, whole), ...each]).div(5)
    await sameLoss(sdd(batch, { scales: '1,2' }), five, batch)
  }
})

test('is 0 with gradient 0 where the student equals the teacher', () =>
  check(async (batch) => {
    const maps = batch.classMaps.student
    const equal = { ...batch, classMaps: { student: maps, teacher: maps } }
    const value = sdd(equal, { scales: '1,2' })
    await same(value, tensor(0))
    await same(slope(value, equal), maps.detach().mul(0))
  }))

const batchOf = (student: number[], teacher: number[]) => {
  const maps = (shape: number[]) => tensor(Array(shape.reduce((a, b) => a * b)).fill(1), shape)
  return {
    student: { logits: tensor([[0, 0]]) },
    labels: tensor(Int32Array.of(1)),
    classMaps: { student: maps(student), teacher: maps(teacher) },
  }
}

test.each([
  [
    () => sdd(batchOf([1, 2, 4, 4], [1, 2, 4, 4]), { scales: '1,two' }),
    'ValueError',
    "sdd: scales must be whole numbers of at least 1, got 1,two. Write them as in '1,2,4'.",
  ],
  [
    () => sdd(batchOf([1, 2, 4, 4], [1, 3, 4, 4])),
    'ShapeError',
    'sdd: the class activation maps do not fit, got [1, 2, 4, 4] and [1, 3, 4, 4]. Give [N, classes, H, W] of the same samples and classes.',
  ],
  [
    () => sdd(batchOf([1, 2, 8, 8], [1, 2, 3, 8])),
    'ShapeError',
    'sdd: a map has fewer positions than the finest grid has cells, got [1, 2, 8, 8] and [1, 2, 3, 8] for 4 x 4. Use smaller scales.',
  ],
])('%s gives a %s', (call, kind, message) => {
  expect(thrownBy(call)).toMatchObject({ name: kind, message })
})
