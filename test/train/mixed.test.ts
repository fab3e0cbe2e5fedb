import { describe, expect, test } from 'vitest'
import { mixup } from '../../src/data/index.ts'
import { tensor } from '../../src/index.ts'
import { dkd, kldiv, losses } from '../../src/losses/index.ts'
import { Student, Teacher } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'
import { recipeOf } from '../../src/train/recipes.ts'
import { type TraineeOptions, traineeOf } from '../../src/train/trainee.ts'
import { noise } from '../support/noise.ts'
import { thrownBy } from '../support/thrown.ts'

const SIDE = 16
const data = noise(9, 8, SIDE)
const options = { inChannels: 1, size: SIDE, classes: data.classes }
const indices = [5, 0, 3, 6, 1, 2]
const pick = { indices, progress: { epoch: 2, epochs: 4, step: 7 } }

function traineeFor(id: string, mixed: Pick<TraineeOptions, 'mixup'> = { mixup: 0.8 }) {
  const loss = losses.get(id)!
  const params = recipeOf('glyphs', data.size, data.size).parameters[id] ?? {}
  const student = new Student({ ...options, channels: [2, 3], seed: 1 })
  const teacher = new Teacher({ ...options, channels: [3, 4], hidden: 6, seed: 2 }).eval()
  const trainee = traineeOf(
    { id, terms: [{ loss, params, weight: loss.mix.weight || 1, warmup: 0 }] },
    {
      data,
      student,
      teacher,
      // Those of the images as they are: on mixed ones nobody may look at them.
      teacherLogits: () => new Float32Array(24).fill(Number.NaN),
      formerSelf: () => new Float32Array(24),
      makePeer: () => new Student({ ...options, channels: [2, 3], seed: 4 }),
      augment: undefined,
      random: new Random(5),
      batchSize: 6,
      seed: 6,
      ...mixed,
    },
  )
  return { student, teacher, trainee }
}

const wanted = () => {
  const views = Float32Array.from(indices.flatMap((i) => [...data.images.subarray(i * 256, (i + 1) * 256)]))
  return mixup(data, indices, views, { alpha: 0.8 }, new Random(5).fork('mixup').fork(7))
}

describe('mixup', () => {
  test('is cross-entropy with the mixed labels on the mixed images', async () => {
    const { student, trainee } = traineeFor('ce')
    const { images, targets } = wanted()
    const soft = targets.mul(student.forward(images).logits.logSoftmax(1)).sum().div(-indices.length)
    // The targets are float32.
    expect(await trainee.loss(pick).total.item()).toBeCloseTo(await soft.item(), 6)
  })

  test('has the teacher see the mixed images', async () => {
    const { student, teacher, trainee } = traineeFor('kldiv')
    const { images } = wanted()
    const batch = { student: student.forward(images), teacher: teacher.forward(images) }
    const value = await kldiv(batch).mul(kldiv.mix.weight).item()
    expect(await trainee.loss(pick).total.item()).toBeCloseTo(value, 12)
  })

  test('mixes the loss of both labels', async () => {
    const { student, teacher, trainee } = traineeFor('dkd')
    const { images, lambda, partners } = wanted()
    const labels = indices.map((i) => data.labels[i]!)
    const sides = { student: student.forward(images), teacher: teacher.forward(images) }
    const params = recipeOf('glyphs', data.size, data.size).parameters.dkd
    const of = (list: number[]) => dkd({ ...sides, labels: tensor(Int32Array.from(list)) }, params).item()
    const others = Array.from(partners, (place) => labels[place]!)
    const value = dkd.mix.weight * (lambda * (await of(labels)) + (1 - lambda) * (await of(others)))
    expect(await trainee.loss(pick).total.item()).toBeCloseTo(value, 10)
  })

  test.each([...losses.keys()])('with %s is a number, or refused by the loss that cannot', async (id) => {
    const ofOne = ['index', 'trainingSet', 'view', 'partner', 'formerSelf']
    if (losses.get(id)!.needs.some((need) => ofOne.includes(need)))
      expect(thrownBy(() => traineeFor(id)).message).toMatch(
        new RegExp(`^mixup: ${id} goes by single images, .*, got a loss that needs .+\\. Leave out`),
      )
    else {
      const { trainee } = traineeFor(id)
      for (const { loss } of [trainee, ...trainee.preliminary])
        expect(Number.isFinite(await loss(pick).total.item())).toBe(true)
    }
  })
})
