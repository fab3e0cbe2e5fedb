import { expect, test } from 'vitest'
import { glyphs } from '../../src/data/index.ts'
import { ce, dkd } from '../../src/losses/index.ts'
import { models } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'
import { traineeOf } from '../../src/train/trainee.ts'

test('weights may be turned while it trains', async () => {
  const { train: data } = glyphs({ train: 8, test: 1 })
  const weights: Record<string, number> = { ce: 1, dkd: 2 }
  const teacher = models.get('t8-16')!({ seed: 2 }).eval()
  const zeros = () => new Float32Array(data.size * data.classes)
  const trainee = traineeOf(
    { id: 'sum', terms: [ce, dkd].map((loss) => ({ loss, params: {}, weight: 1, warmup: 0 })) },
    {
      data,
      student: models.get('s4-8')!({ seed: 1 }),
      teacher,
      teacherLogits: zeros,
      formerSelfLogits: zeros,
      makePeer: () => models.get('s4-8')!({ seed: 3 }),
      augment: undefined,
      random: new Random(4),
      batchSize: 8,
      seed: 5,
      weightNow: (id, weight) => weight * weights[id]!,
    },
  )
  const pick = { indices: [0, 1, 2, 3, 4, 5, 6, 7], progress: { epoch: 1, epochs: 1, step: 0 } }
  const sumOf = async () => {
    const { total, terms } = trainee.loss(pick)
    const [hard, soft] = [await terms.ce!.value.item(), await terms.dkd!.value.item()]
    expect([terms.ce!.weight, terms.dkd!.weight]).toEqual([weights.ce, weights.dkd])
    expect(await total.item()).toBeCloseTo(weights.ce! * hard + weights.dkd! * soft, 10)
  }
  await sumOf()
  Object.assign(weights, { ce: 0.25, dkd: 7 })
  await sumOf()
  weights.dkd = Number.NaN
  expect(() => trainee.loss(pick)).toThrow('combine: the weight of dkd must be finite, got NaN. Change it.')
})
