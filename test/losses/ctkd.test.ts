import { describe, expect, test } from 'vitest'
import { gradcheck } from '../../src/check/index.ts'
import { grad, type Tensor, tensor } from '../../src/index.ts'
import { ctkd, kldiv, type Prepared } from '../../src/losses/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { check, gradient, same, sameLoss, samples, total, type ViewBatch } from '../support/logit-checks.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const FIRST = 1 + 20 * sigmoid(1)

const at = (batch: ViewBatch, epoch: number): ViewBatch => ({
  ...batch,
  progress: { ...batch.progress, epoch },
})

const thetaOf = (loss: Prepared) => loss.own.namedParameters().get('temperature.theta')!

/** KD at 1 + 20 sigmoid(θ), where θ gets the true gradient. */
function kdAt({ student, teacher }: ViewBatch, theta: Tensor): Tensor {
  const T = theta.sigmoid().mul(20).add(1)
  const [p, q] = [teacher, student].map(({ logits }) => logits.div(T).logSoftmax(1)) as [Tensor, Tensor]
  return p.exp().mul(p.sub(q)).sum(1).mean().mul(T.square().reshape([]))
}

describe("form 'global'", () => {
  test('is KD at the temperature that θ says, at first and later', () =>
    check(async (batch) => {
      const loss = ctkd.prepare(batch)
      await sameLoss(loss(batch), kldiv(batch, { temperature: FIRST }), batch)
      for (const theta of [-3, 0.25, 50]) {
        loss.own.loadStateDict(new Map([['temperature.theta', tensor([theta])]]))
        await sameLoss(loss(batch), kldiv(batch, { temperature: 1 + 20 * sigmoid(theta) }), batch)
      }
    }))

  test('takes start and range of the temperature', () =>
    check((batch) =>
      sameLoss(
        ctkd.prepare(batch, { start: 2, range: 3 })(batch),
        kldiv(batch, { temperature: 2 + 3 * sigmoid(1) }),
        batch,
      ),
    ))

  test.each([
    [1, (1 - Math.cos(Math.PI / 10)) / 2],
    [5, 0.5],
    [10, 1],
    [200, 1],
  ])('turns the gradient of θ round, in epoch %i times %d', (epoch, factor) =>
    check(async (batch) => {
      const loss = ctkd.prepare(batch)
      const theta = thetaOf(loss)
      const [reversed] = grad(loss(at(batch, epoch)), [theta])
      await same(reversed!, grad(kdAt(batch, theta), [theta])[0]!.mul(-factor))
    }),
  )

  test('grows over as many epochs as it is told', () =>
    check(async (batch) => {
      const loss = ctkd.prepare(batch, { growthEpochs: 4 })
      const theta = thetaOf(loss)
      const [half] = grad(loss(at(batch, 2)), [theta])
      await same(half!, grad(kdAt(batch, theta), [theta])[0]!.mul(-0.5))
    }))

  test('a step against θ makes the loss larger', async () => {
    const batch = at(unequal, 10)
    const loss = ctkd.prepare(batch)
    const before = await loss(batch).item()
    await new SGD(loss.own.parameters(), { lr: 0.1 }).step(loss(batch))
    expect(await loss(batch).item()).toBeGreaterThan(before)
  })
})

describe("form 'instance'", () => {
  test('starts as the global one', () =>
    check((batch) =>
      sameLoss(ctkd.prepare(batch, { form: 'instance' })(batch), ctkd.prepare(batch)(batch), batch),
    ))

  test('is KD of each sample at a temperature of its own, that gives the student no gradient', () =>
    check(async (batch) => {
      const loss = moved(ctkd.prepare(batch, { form: 'instance', hidden: 6 }))
      const thetas = (await thetasOf(loss, batch).toArray()) as number[][]
      const each = samples(batch).map((one, i) =>
        kldiv(one, { temperature: 1 + 20 * sigmoid(thetas[i]![0]!) }),
      )
      await sameLoss(loss(batch), total(each).div(each.length), batch)
    }))

  test('turns the gradient of every parameter round', () =>
    check(async (batch) => {
      const loss = moved(ctkd.prepare(batch, { form: 'instance', hidden: 6 }))
      const parameters = loss.own.parameters()
      const theta = thetasOf(loss, batch)
      const T = theta.sigmoid().mul(20).add(1)
      const [p, q] = [batch.teacher, batch.student].map(({ logits }) => logits.div(T).logSoftmax(1)) as [
        Tensor,
        Tensor,
      ]
      const plain = p.exp().mul(p.sub(q)).sum(1).mul(T.square().squeeze(1)).mean()
      const reversed = grad(loss(at(batch, 10)), parameters)
      const wanted = grad(plain, parameters)
      for (const [i, g] of reversed.entries()) await same(g, wanted[i]!.neg())
    }))

  test('has the right gradient in the student, the temperature held', () =>
    check(
      async (batch) => {
        const loss = moved(ctkd.prepare(batch, { form: 'instance', hidden: 6 }))
        const report = await gradcheck(
          (logits: Tensor) => loss({ ...batch, student: { logits } }),
          [batch.student.logits],
          { detached: 'held' },
        )
        expect(report.ok, String(report)).toBe(true)
      },
      {},
      { numRuns: 10 },
    ))

  test('tells samples apart', async () => {
    const loss = moved(ctkd.prepare(unequal, { form: 'instance', hidden: 6 }))
    const [a, b] = await thetasOf(loss, unequal).data()
    expect(Math.abs(a! - b!)).toBeGreaterThan(1e-3)
  })
})

test.each(['global', 'instance'] as const)("form '%s' is 0 where the student equals the teacher", (form) =>
  check(async (batch) => {
    const equal = { ...batch, teacher: batch.student }
    const loss = ctkd.prepare(equal, { form })
    await same(loss(equal), tensor(0))
    await same(gradient(loss(equal), batch), batch.student.logits.detach().mul(0))
    for (const g of grad(loss(equal), loss.own.parameters())) await same(g, g.detach().mul(0))
  }),
)

test('saves what it has learnt by name', () => {
  const names = (form: 'global' | 'instance') => [...ctkd.prepare(unequal, { form }).own.stateDict().keys()]
  expect(names('global')).toEqual(['temperature.theta'])
  expect(names('instance').sort()).toEqual([
    'temperature.hidden.bias',
    'temperature.hidden.weight',
    'temperature.theta',
    'temperature.weight',
  ])
})

const unequal: ViewBatch = {
  student: {
    logits: tensor([
      [1, -2, 0.5],
      [3, 0, -1],
    ]),
  },
  teacher: {
    logits: tensor([
      [-1, 2, 0],
      [4, 1, -3],
    ]),
  },
  labels: tensor(Int32Array.of(1, 0)),
  view: { student: { logits: tensor([[0]]) }, teacher: { logits: tensor([[0]]) } },
  progress: { epoch: 1, epochs: 20, step: 0 },
}

/** With a last layer other than 0. */
function moved(loss: Prepared): Prepared {
  const weight = loss.own.namedParameters().get('temperature.weight')!
  const values = tensor(Array.from({ length: weight.size }, (_, i) => [Math.sin(1 + 2 * i)]))
  loss.own.loadStateDict(new Map([['temperature.weight', values]]), { strict: false })
  return loss
}

/** θ of each sample, [N, 1]: a perceptron of the probabilities of teacher and student. */
function thetasOf(loss: Prepared, { student, teacher }: ViewBatch): Tensor {
  const p = (name: string) => loss.own.namedParameters().get(`temperature.${name}`)!
  const [t, s] = [teacher, student].map(({ logits }) => logits.detach().softmax(1)) as [Tensor, Tensor]
  const classes = s.shape[1]!
  const part = (x: Tensor, from: number) =>
    x.matmul(
      p('hidden.weight')
        .slice([null, [from, from + classes]])
        .transpose(),
    )
  const hidden = part(t, 0).add(part(s, classes)).add(p('hidden.bias')).relu()
  return hidden.matmul(p('weight')).add(p('theta'))
}
