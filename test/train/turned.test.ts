import { afterEach, expect, test, vi } from 'vitest'
import { glyphs } from '../../src/data/index.ts'
import { currentDevice } from '../../src/device/current.ts'
import { grad, realize } from '../../src/index.ts'
import { type AnyLoss, ce, dkd, losses } from '../../src/losses/index.ts'
import { models } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'
import { recipeOf } from '../../src/train/recipes.ts'
import { type Trainee, traineeOf } from '../../src/train/trainee.ts'

const pick = { indices: [0, 1, 2, 3, 4, 5, 6, 7], progress: { epoch: 1, epochs: 1, step: 0 } }

function setting(loss: AnyLoss, weights: Readonly<Record<string, number>>): Trainee {
  const { train: data } = glyphs({ train: 40, test: 1 })
  const teacher = models.get('t8-16')!({ seed: 2 }).eval()
  const known = Float32Array.from(new Random(6).normals(data.size * data.classes))
  return traineeOf(
    {
      id: 'sum',
      terms: [ce, loss].map((loss) => ({
        loss,
        params: recipeOf('glyphs', 40, 40).parameters[loss.id] ?? {},
        weight: 1,
        warmup: 0,
      })),
    },
    {
      data,
      student: models.get('s4-8')!({ seed: 1 }),
      teacher,
      teacherLogits: () => known,
      formerSelf: () => known,
      makePeer: () => models.get('s4-8')!({ seed: 3 }),
      augment: undefined,
      random: new Random(4),
      batchSize: 8,
      seed: 5,
      weightNow: (id, weight) => weight * (weights[id] ?? 1),
    },
  )
}

test('weights may be turned while it trains', async () => {
  const weights: Record<string, number> = { ce: 1, dkd: 2 }
  const trainee = setting(dkd, weights)
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

afterEach(() => vi.restoreAllMocks())

const tempered = [...losses.values()].filter(({ defaults }) => 'temperature' in defaults)

test.each(tempered.map((loss) => [loss.id, loss] as const))(
  'the temperature of %s is turned, and nothing is compiled for it',
  async (id, loss) => {
    const trainee = setting(loss, {})
    const { prepared } = trainee.terms[1]!
    const published = Number(loss.defaults.temperature)
    const parameters = trainee.trained(trainee.loss)
    const step = async () => {
      const { total, terms } = trainee.loss(pick)
      await realize(total, ...grad(total, parameters))
      return terms[id]!.value.item()
    }
    const before = await step()
    const compile = vi.spyOn(await currentDevice(), 'compile')
    prepared.turn({ temperature: 1.5 * published })
    expect(prepared.params.temperature).toBe(1.5 * published)
    expect(await step()).not.toBeCloseTo(before, 9)
    expect(compile).not.toHaveBeenCalled()
  },
)

test('a number that is turned is checked, and a wrong one changes nothing', () => {
  const { prepared } = setting(dkd, {}).terms[1]!
  expect(() => prepared.turn({ alpha: 3, temperature: 0 })).toThrow(
    'dkd: temperature must be positive, got 0. Its default is 4.',
  )
  expect(() => prepared.turn({ heat: 1 })).toThrow('dkd: there is no parameter heat')
  expect(prepared.params).toEqual({ ...dkd.defaults, beta: 2 })
})
