import { expect, test } from 'vitest'
import { crossEntropy, tensor } from '../../src/index.ts'
import { dkd } from '../../src/losses/index.ts'
import { Student, Teacher } from '../../src/nn/models/index.ts'
import { Adam, SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'

const N = 20
const random = new Random(11)
const pixels = random.normals(N * 64)
const samples = () => ({
  images: tensor(pixels, [N, 1, 8, 8]),
  labels: tensor(Int32Array.from({ length: N }, (_, i) => i % 10)),
})
const small = { size: 8, channels: [4, 8] }

test('design/api.md, section 3: a training step', async () => {
  const teacherLogits = tensor(random.normals(N * 10, 0, 3), [N, 10])
  const batches = Array.from({ length: 3 }, () => ({
    images: tensor(random.normals(N * 784), [N, 1, 28, 28]),
    labels: samples().labels,
    teacherLogits,
  }))
  const losses: number[] = []

  const student = new Student({ inChannels: 1, classes: 10, seed: 1 })
  const sgd = new SGD(student.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 })
  for (const { images, labels, teacherLogits } of batches) {
    const out = student.forward(images)
    const loss = crossEntropy(out.logits, labels).add(
      dkd({ student: out, teacher: { logits: teacherLogits }, labels }),
    )
    await sgd.step(loss)
    losses.push(await loss.item())
  }

  expect(losses.every(Number.isFinite)).toBe(true)
  const running = await student.namedBuffers().get('bn1.running_mean')!.data()
  expect(Array.from(running).some((v) => v !== 0)).toBe(true)
})

test.each([
  ['SGD', (p: ReturnType<Student['parameters']>) => new SGD(p, { lr: 0.1, momentum: 0.9 })],
  ['Adam', (p: ReturnType<Student['parameters']>) => new Adam(p, { lr: 0.02 })],
] as const)('%s overfits 20 samples of noise, and evaluation agrees', async (_, of) => {
  const student = new Student({ seed: 3, ...small })
  const optimizer = of(student.parameters())
  const { images, labels } = samples()
  let last = Number.POSITIVE_INFINITY
  for (let step = 0; step < 60; step++) {
    const loss = crossEntropy(student.forward(images).logits, labels)
    await optimizer.step(loss)
    last = await loss.item()
  }
  expect(last).toBeLessThan(0.05)
  const right = await student.eval().forward(images).logits.argmax(1).data()
  expect(Array.from(right)).toEqual(Array.from(labels.host!))
})

test('the same seed trains to the same weights, dropout included', async () => {
  const run = async () => {
    const teacher = new Teacher({ seed: 5, ...small, hidden: 8, dropout: 0.5 })
    const adam = new Adam(teacher.parameters(), { lr: 0.01 })
    const { images, labels } = samples()
    for (let step = 0; step < 5; step++) await adam.step(crossEntropy(teacher.forward(images).logits, labels))
    return Promise.all([...teacher.stateDict().values()].map(async (t) => Array.from(await t.data())))
  }
  expect(await run()).toEqual(await run())
})
