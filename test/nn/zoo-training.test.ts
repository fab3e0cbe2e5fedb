import { afterAll, describe, expect, test } from 'vitest'
import { device, grad, realize, type Tensor, tensor } from '../../src/index.ts'
import { Random } from '../../src/nn/index.ts'
import {
  type MakeModel,
  MobileNetV2,
  type Model,
  models,
  ResNet,
  ShuffleNetV1,
  ShuffleNetV2,
  Vgg,
  WideResNet,
} from '../../src/nn/models/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { testDevice } from '../setup.ts'
import { closeness } from '../support/closeness.ts'

// A network of each structure, narrow or shallow where the published ones are large, on the smallest images.
const structures: Readonly<Record<string, readonly [size: number, make: MakeModel]>> = {
  resnet: [
    8,
    (options) =>
      new ResNet(
        {
          block: 'basic',
          stem: 4,
          stages: [4, 6, 8].map((width) => ({ blocks: 1, width })),
          names: { shortcut: 'downsample', head: 'fc' },
        },
        options,
      ),
  ],
  bottlenecks: [
    8,
    (options) =>
      new ResNet(
        {
          block: 'bottleneck',
          stem: 4,
          stages: [
            { blocks: 2, width: 3 },
            { blocks: 1, width: 4 },
          ],
          names: { shortcut: 'shortcut', head: 'linear' },
        },
        options,
      ),
  ],
  wrn: [8, (options) => new WideResNet({ blocks: 1, widen: 0.25 }, options)],
  vgg: [8, (options) => new Vgg([[4], [5, 6], [7], [8], [8]], options)],
  MobileNetV2: [16, (options) => new MobileNetV2({ width: 0.125 }, options)],
  ShuffleNetV1: [
    8,
    (options) =>
      new ShuffleNetV1(
        {
          groups: 3,
          stages: [
            { width: 60, blocks: 2 },
            { width: 120, blocks: 2 },
          ],
        },
        options,
      ),
  ],
  ShuffleNetV2: [
    8,
    (options) =>
      new ShuffleNetV2(
        {
          stages: [
            { width: 8, blocks: 2 },
            { width: 12, blocks: 1 },
          ],
          last: 10,
        },
        options,
      ),
  ],
}

const batch = (size: number, seed = 3): Tensor =>
  tensor(Float32Array.from(new Random(seed).normals(2 * 3 * size * size)), [2, 3, size, size])
const first = (x: Tensor): Tensor => x.slice([[0, 1]])
const lossOf = (model: Model, images: Tensor): Tensor => model.forward(images).logits.square().mean()

/** Loss and the gradient of every parameter, the latter in one line. */
async function trained(model: Model, images: Tensor): Promise<{ loss: number; gradients: number[][] }> {
  const loss = lossOf(model, images)
  const gradients = grad(loss, model.parameters())
  await realize(loss, ...gradients)
  return {
    loss: await loss.item(),
    gradients: await Promise.all(gradients.map(async (g) => Array.from(await g.data()))),
  }
}

afterAll(async () => {
  await device(testDevice)
})

describe.each(Object.entries(structures))('%s', (_, [size, make]) => {
  const images = batch(size)
  const model = make({ seed: 1, classes: 4, size })

  test('has a gradient in every parameter', async () => {
    const { loss, gradients } = await trained(model, images)
    expect(loss).toBeGreaterThan(0)
    const names = [...model.namedParameters().keys()]
    expect(gradients.every((g) => g.every(Number.isFinite))).toBe(true)
    expect(names.filter((__, i) => gradients[i]!.every((v) => v === 0))).toEqual([])
  })

  test('moves every running statistic once, in a step', async () => {
    const stepped = make({ seed: 1, classes: 4, size })
    const before = stepped.stateDict()
    const seen = stepped.forward(images)
    // Whoever compares maps before the activation looks at the same normalisations.
    const compared = Object.values(seen.preActivations!).map((x) => x.square().mean())
    const loss = compared.reduce((sum, x) => sum.add(x), seen.logits.square().mean())
    await new SGD(stepped.parameters(), { lr: 0 }).step(loss)
    for (const [name, value] of stepped.namedBuffers()) {
      const [now, then] = [await value.data(), await before.get(name)!.data()]
      expect(Array.from(now), name).not.toEqual(Array.from(then))
    }
    const once = make({ seed: 1, classes: 4, size })
    await new SGD(once.parameters(), { lr: 0 }).step(lossOf(once, images))
    for (const [name, value] of once.namedBuffers())
      expect(
        closeness(await stepped.namedBuffers().get(name)!.data(), await value.data()),
        name,
      ).toBeLessThan(1)
  })

  test('judges each image by itself in evaluation, by the batch in training', async () => {
    const rows = async (x: Tensor) => Array.from(await model.forward(x).logits.data()).slice(0, 4)
    model.eval()
    const [together, alone] = [await rows(images), await rows(first(images))]
    expect(closeness(together, alone)).toBeLessThan(1)
    model.train()
    expect(closeness(await rows(images), together)).toBeGreaterThan(1)
  })

  test('reads its last map as forward does, with class maps whose means are the logits', async () => {
    model.eval()
    const { logits, features } = model.forward(images)
    const map = Object.values(features).at(-2)!
    const again = model.classify(map)
    expect(await again.logits.data()).toEqual(await logits.data())
    expect(await again.penultimate.data()).toEqual(await features.penultimate!.data())
    const maps = model.classMaps(map)
    expect(maps.shape).toEqual([2, 4, ...map.shape.slice(2)])
    expect(closeness(await maps.mean([2, 3]).data(), await logits.data())).toBeLessThan(1)
  })

  test('starts from the same weights with the same seed, and from others with another', () => {
    const hosts = (seed: number) =>
      make({ seed, classes: 4, size })
        .parameters()
        .map(({ host }) => Array.from(host!))
    const [same, again, other] = [hosts(1), hosts(1), hosts(2)]
    expect(same).toEqual(again)
    expect(same[0]).not.toEqual(other[0])
    // No two layers start alike.
    const weights = model.parameters().filter(({ rank }) => rank > 1)
    expect(new Set(weights.map(({ host }) => host!.slice(0, 4).join())).size).toBe(weights.length)
  })
})

test.each(['resnet', 'vgg'])('the stages of %s are their pre-activations with relu', async (name) => {
  const [size, make] = structures[name]!
  const { features, preActivations } = make({ seed: 1, size }).forward(batch(size))
  for (const [stage, before] of Object.entries(preActivations!))
    expect(await before.relu().data()).toEqual(await features[stage]!.data())
})

// What the published code draws; PyTorch's own initialisation is tested with the layers.
describe('first weights', () => {
  const spread = (values: ArrayLike<number>) =>
    Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0) / values.length)
  const made = new Map<string, Model>()
  const part = (name: string, path: string) => {
    if (!made.has(name)) made.set(name, models.get(name)!({ seed: 1 }))
    return made.get(name)!.namedParameters().get(path)!.host!
  }

  test.each([
    ['resnet20', 'layer3.2.conv2.weight', Math.sqrt(2 / (9 * 64))],
    ['resnet20', 'layer2.0.downsample.0.weight', Math.sqrt(2 / 32)],
    ['wrn_16_1', 'block3.layer.1.conv1.weight', Math.sqrt(2 / (9 * 64))],
    ['MobileNetV2', 'blocks.6.0.conv.3.weight', Math.sqrt(2 / (9 * 480))],
    ['MobileNetV2', 'classifier.0.weight', 0.01],
    ['ShuffleNetV1', 'layer3.1.conv1.weight', 1 / Math.sqrt(3 * 320)],
  ] as const)('of %s: %s', (name, path, deviation) => {
    expect(spread(part(name, path)) / deviation).toBeGreaterThan(0.94)
    expect(spread(part(name, path)) / deviation).toBeLessThan(1.06)
  })

  test('are zero where the published code says so', () => {
    for (const [name, path] of [
      ['wrn_16_1', 'fc.bias'],
      ['MobileNetV2', 'classifier.0.bias'],
    ] as const)
      expect(new Set(part(name, path))).toEqual(new Set([0]))
    const vgg = new Vgg([[4], [4], [4], [4], [4]], { seed: 1 }).namedParameters()
    for (const path of ['block0.0.bias', 'classifier.bias'])
      expect(new Set(vgg.get(path)!.host)).toEqual(new Set([0]))
  })
})

test.each(['resnet', 'MobileNetV2', 'ShuffleNetV2'])(
  '%s on the cpu device is what it is on reference',
  async (name) => {
    const [size, make] = structures[name]!
    const results = []
    for (const where of ['reference', 'cpu'] as const) {
      await device(where, where === 'cpu' ? { threads: 1 } : {})
      results.push(await trained(make({ seed: 1, classes: 4, size }), batch(size)))
    }
    const [wanted, got] = results as [
      Awaited<ReturnType<typeof trained>>,
      Awaited<ReturnType<typeof trained>>,
    ]
    expect(closeness([got.loss], [wanted.loss])).toBeLessThan(10)
    for (const [i, gradient] of got.gradients.entries())
      expect(closeness(gradient, wanted.gradients[i]!, { tolerance: 1e-3, floor: 0.1 })).toBeLessThan(1)
  },
)
