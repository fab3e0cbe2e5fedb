import { describe, expect, test } from 'vitest'
import { grad } from '../../src/graph/grad.ts'
import { realize } from '../../src/graph/values.ts'
import { losses } from '../../src/losses/index.ts'
import { Student, Teacher } from '../../src/nn/models/index.ts'
import { Adam, SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'
import { fit } from '../../src/train/fit.ts'
import type { Method } from '../../src/train/method.ts'
import { recipeOf } from '../../src/train/recipes.ts'
import { traineeOf } from '../../src/train/trainee.ts'
import { noise } from '../support/noise.ts'

// Every loss in the registry trains a student through the trainer, which knows none of them by name.

const SIDE = 16
const data = noise(9, 12, SIDE)
const options = { inChannels: 1, size: SIDE, classes: data.classes }
const BATCH = 8

function traineeFor(id: string) {
  const loss = losses.get(id)!
  const params = { ...recipeOf('glyphs', data.size, data.size).parameters[id] }
  if ('initEpochs' in loss.defaults) params.initEpochs = 1
  const method: Method = { id, terms: [{ loss, params, weight: loss.mix.weight || 1, warmup: 0 }] }
  const teacher = new Teacher({ ...options, channels: [3, 4], hidden: 6, seed: 2 }).eval()
  const logits = new Random(3).normals(data.size * data.classes)
  const known = Float32Array.from(logits)
  const trainee = traineeOf(method, {
    data,
    student: new Student({ ...options, channels: [2, 3], seed: 1 }),
    teacher,
    teacherLogits: () => known,
    formerSelf: () => known,
    makePeer: () => new Student({ ...options, channels: [2, 3], seed: 4 }),
    augment: undefined,
    random: new Random(5),
    batchSize: BATCH,
    seed: 6,
  })
  return { teacher, trainee }
}

const bytesOf = async (module: Teacher) =>
  Promise.all([...module.stateDict()].map(async ([name, t]) => [name, Array.from(await t.data())] as const))

describe.each([...losses.keys()])('%s', (id) => {
  test('trains for an epoch, and leaves the teacher bit for bit as it was', async () => {
    const { teacher, trainee } = traineeFor(id)
    const before = await bytesOf(teacher)
    const stages = [...trainee.preliminary, { epochs: 1, loss: trainee.loss }]
    for (const { epochs, loss } of stages) {
      const { history } = await fit({
        name: id,
        data,
        modules: trainee.modules,
        optimizer: new SGD(trainee.trained(loss), { lr: 1e-4 }),
        loss,
        epochs,
        batchSize: BATCH,
        schedule: () => 1e-4,
        random: new Random(1),
      })
      expect(history.every((epoch) => Number.isFinite(epoch.loss))).toBe(true)
    }
    expect(await bytesOf(teacher)).toEqual(before)
    expect(teacher.training).toBe(false)
  })

  test('goes on from saved weights, adapters and state as if it had never stopped', async () => {
    const picks = Array.from({ length: 4 }, (_, step) => ({
      indices: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => (i + 2 * step) % data.size),
      progress: { epoch: 1 + (step >> 1), epochs: 2, step },
    }))
    const start = () => {
      const { trainee } = traineeFor(id)
      for (const module of trainee.modules) module.train()
      return { trainee, adam: new Adam(trainee.trained(trainee.loss), { lr: 0.01 }) }
    }
    const losses = async ({ trainee, adam }: ReturnType<typeof start>, steps: typeof picks) => {
      const values: number[] = []
      for (const pick of steps) {
        const { total } = trainee.loss(pick)
        await adam.step(total)
        values.push(await total.item())
      }
      return values
    }
    const whole = start()
    const before = await losses(whole, picks.slice(0, 2))
    const saved = whole.trainee.modules.map((module) => module.stateDict())
    const moments = whole.adam.state()
    const after = await losses(whole, picks.slice(2))

    const resumed = start()
    resumed.trainee.modules.forEach((module, i) => {
      module.loadStateDict(saved[i]!)
    })
    resumed.adam.loadState(moments)
    expect(await losses(resumed, picks.slice(2))).toEqual(after)
    expect(await losses(start(), picks.slice(0, 2))).toEqual(before)
  })

  test('has a gradient in the student, and in every parameter of its adapters', async () => {
    const { trainee } = traineeFor(id)
    const stages = [...trainee.preliminary, { loss: trainee.loss }]
    const pick = { indices: [0, 1, 2, 3, 4, 5, 6, 7], progress: { epoch: 1, epochs: 2, step: 0 } }
    const named = [...trainee.helpers].flatMap(([owner, module]) =>
      [...module.namedParameters()].map(([name, x]) => [`${owner}: ${name}`, x] as const),
    )
    const student = trainee.student.parameters()
    const reached = new Map<string, boolean>()
    let studentReached = false
    for (const { loss } of stages) {
      const gradients = grad(loss(pick).total, [...student, ...named.map(([, x]) => x)])
      await realize(...gradients)
      const nonZero = await Promise.all(gradients.map(async (g) => (await g.data()).some((x) => x !== 0)))
      studentReached ||= nonZero.slice(0, student.length).some(Boolean)
      named.forEach(([name], i) => {
        reached.set(name, reached.get(name) || nonZero[student.length + i]!)
      })
    }
    expect(studentReached).toBe(true)
    expect([...reached].filter(([, any]) => !any).map(([name]) => name)).toEqual([])
  })
})
