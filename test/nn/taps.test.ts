import { describe, expect, test } from 'vitest'
import { tensor } from '../../src/index.ts'
import { Linear, tapped } from '../../src/nn/index.ts'
import { ConvNet, Model, type ModelOutput, Student, Teacher } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'
import type { Tensor } from '../../src/tensor.ts'

const images = tensor(new Random(1).normals(3 * 64), [3, 1, 8, 8])
const options = { size: 8, classes: 4, seed: 2 }

/** A model as a user writes it: no features, modules in modules. */
class Mlp extends Model {
  readonly first = this.child('first', new Linear(64, 5, { random: new Random(3) }))
  readonly last = this.child('last', new Linear(5, 2, { random: new Random(4) }))
  forward(x: Tensor): ModelOutput {
    return { logits: this.last.forward(this.first.forward(x.flatten(1)).relu()), features: {} }
  }
}

describe('tapped', () => {
  test('gives what a module inside the model gave, and the output as it is', async () => {
    const student = new Student(options)
    const plain = student.forward(images)
    const { logits, features, taps } = tapped(student, images, ['bn1', 'stage1'])
    expect(Object.keys(taps)).toEqual(['bn1'])
    expect(await logits.data()).toEqual(await plain.logits.data())
    expect(await features.stage1!.data()).toEqual(await plain.features.stage1!.data())
    expect(await taps.bn1!.data()).toEqual(await plain.preActivations!.stage1!.data())
  })

  test('works on any model, and leaves it as it was', async () => {
    const model = new Mlp()
    const { forward } = model.first
    const { taps } = tapped(model, images, ['first'])
    expect(taps.first!.shape).toEqual([3, 5])
    expect(model.first.forward).toBe(forward)
    expect(Object.hasOwn(model.first, 'forward')).toBe(false)
  })

  test('answers a wrong name with the right ones and their shapes, and leaves the model as it was', () => {
    const student = new Student(options)
    expect(() => tapped(student, images, ['stage1', 'conv9'])).toThrow(
      'layers: the model has no conv9, got stage1, conv9. It gives stage1 [N, 4, 4, 4], stage2 [N, 8, 2, 2], penultimate [N, 32]; its modules give conv1 [N, 4, 8, 8], bn1 [N, 4, 8, 8], conv2 [N, 8, 4, 4], bn2 [N, 8, 4, 4], fc [N, 4].',
    )
    for (const module of student.namedModules().values()) expect(Object.hasOwn(module, 'forward')).toBe(false)
  })
})

const networks = {
  'flattening, one linear layer': new Student(options),
  'flattening, a hidden layer': new Teacher({ ...options, dropout: 0.5 }).eval(),
  'averaging, one linear layer': new ConvNet(
    { stages: [{ channels: 3 }, { channels: 4, pool: true }], head: 'mean' },
    options,
  ),
  'averaging, a hidden layer': new ConvNet({ stages: [{ channels: 4 }], head: 'mean', hidden: 6 }, options),
}

describe.each(Object.entries(networks))('a network %s', (_, network) => {
  const { logits, features, preActivations } = network.forward(images)
  const last = Object.values(features).findLast((x) => x.rank === 4)!

  test('classifies its last map as it does the images', async () => {
    const again = network.classify(last)
    expect(await again.logits.data()).toEqual(await logits.data())
    expect(await again.penultimate.data()).toEqual(await features.penultimate!.data())
  })

  test('has class maps whose means are its logits', async () => {
    const maps = network.classMaps(last)
    expect(maps.shape).toEqual([3, 4, ...last.shape.slice(2)])
    const means = await maps.mean([2, 3]).data()
    for (const [i, z] of (await logits.data()).entries()) expect(means[i]).toBeCloseTo(z, 10)
  })

  test('names its normalisations as its maps before activation', () => {
    const norms = network.norms()
    expect(Object.keys(norms)).toEqual(Object.keys(preActivations!))
    for (const [name, { weight, bias }] of Object.entries(norms)) {
      expect(weight.shape).toEqual([preActivations![name]!.shape[1]])
      expect(bias.shape).toEqual(weight.shape)
    }
  })
})

test('a model without what a loss asks for says what to define', () => {
  const model = new Mlp()
  expect(() => model.classify(images)).toThrow(
    'model: it has no classifier of maps, got a loss that needs one. Define classify(map) in the model.',
  )
  expect(() => model.classMaps(images)).toThrow(
    'model: it has no class activation maps, got a loss that needs one. Define classMaps(map) in the model.',
  )
  expect(() => model.norms()).toThrow(
    'model: it has no batch normalisation before its activations, got a loss that needs one. Define norms() in the model.',
  )
})
