import { describe, expect, test } from 'vitest'
import { zeros } from '../../src/index.ts'
import { Linear, Random, shapesOnly } from '../../src/nn/index.ts'
import { Model, type ModelOutput, models, summary } from '../../src/nn/models/index.ts'
import type { Tensor } from '../../src/tensor.ts'

const outline = (name: string, options: object = {}) =>
  shapesOnly(() => models.get(name)!({ seed: 1, ...options }))

// Counts, multiply-adds and features: shared/specs/kd-methods.md, section 5; what it lacks (the multiply-adds of vgg11,
// vgg16, vgg19) by hand. Everything here is read off graphs: no weight is drawn, nothing is computed.
const cifar = '16@32, 16@32, 32@16, 64@8, 64'
const cifarX4 = '32@32, 64@32, 128@16, 256@8, 256'
const cifarX2 = '16@32, 32@32, 64@16, 128@8, 128'
const vgg = '64@32, 128@16, 256@8, 512@4, 512@4, 512'
const specified = [
  ['resnet8', 83_892, 12.51, cifar],
  ['resnet14', 181_108, 26.66, cifar],
  ['resnet20', 278_324, 40.82, cifar],
  ['resnet32', 472_756, 69.13, cifar],
  ['resnet44', 667_188, 97.44, cifar],
  ['resnet56', 861_620, 125.75, cifar],
  ['resnet110', 1_736_564, 253.16, cifar],
  ['resnet8x4', 1_233_540, 177.07, cifarX4],
  ['resnet32x4', 7_433_860, 1083.04, cifarX4],
  ['wrn_16_1', 180_916, 26.66, cifar],
  ['wrn_16_2', 703_284, 101.12, cifarX2],
  ['wrn_40_1', 569_780, 83.29, cifar],
  ['wrn_40_2', 2_255_156, 327.61, cifarX2],
  ['vgg8', 3_965_028, 96.19, vgg],
  ['vgg11', 9_277_284, 209.44, vgg],
  ['vgg13', 9_462_180, 284.94, vgg],
  ['vgg16', 14_774_436, 398.18, vgg],
  ['vgg19', 20_086_692, 511.43, vgg],
  ['ResNet50', 23_705_252, 1298.01, '64@32, 256@32, 512@16, 1024@8, 2048@4, 2048'],
  ['MobileNetV2', 812_836, 6.52, '16@16, 12@16, 16@8, 48@4, 160@2, 1280'],
  ['ShuffleNetV1', 949_258, 38.69, '24@32, 240@16, 480@8, 960@4, 960'],
  ['ShuffleNetV2', 1_355_528, 44.5, '24@32, 116@16, 232@8, 464@4, 1024'],
] as const

describe.each(specified)('%s', (name, parameters, millions, features) => {
  const { parameters: count, multiplyAdds, image, taps } = summary(models.get(name)!)

  test('has the parameters, multiply-adds and features of the specification', () => {
    expect(count).toBe(parameters)
    expect(Number((multiplyAdds / 1e6).toFixed(2))).toBe(millions)
    expect(image).toEqual([3, 32, 32])
    const shapes = features.split(', ').map((text) => text.split('@').map(Number))
    expect(taps.map(({ shape }) => shape)).toEqual(shapes.map(([c, n]) => (n ? [c, n, n] : [c])))
    expect(taps.map((tap) => tap.name)).toEqual([
      'stem',
      ...taps.slice(2).map((_, i) => `stage${i + 1}`),
      'penultimate',
    ])
  })

  test('takes other images and classes', () => {
    const larger = summary(models.get(name)!, { size: 64, inChannels: 1, classes: 7 })
    expect(larger.taps.at(-1)).toEqual(taps.at(-1))
    expect(larger.taps[0]!.shape[1]).toBe(2 * taps[0]!.shape[1]!)
    const model = outline(name, { classes: 7 }).eval()
    const { logits, features } = model.forward(zeros([2, 3, 20, 28]))
    expect(logits.shape).toEqual([2, 7])
    expect(Object.values(features).at(-1)!.shape).toEqual([2, ...taps.at(-1)!.shape])
  })

  test('gives maps before the activation like its stages, and their normalisations if it has them', () => {
    const model = outline(name)
    const { features, preActivations } = model.forward(zeros([2, 3, 32, 32]))
    const stages = Object.entries(features).filter(([key]) => key.startsWith('stage'))
    const shapes = (named: readonly (readonly [string, Tensor])[]) => named.map(([key, x]) => [key, x.shape])
    expect(shapes(Object.entries(preActivations!))).toEqual(shapes(stages))
    if (name.startsWith('ShuffleNet')) expect(() => model.norms()).toThrow('Define norms() in the model.')
    else
      expect(
        Object.entries(model.norms()).map(([key, { weight, bias }]) => [key, weight.size, bias.size]),
      ).toEqual(stages.map(([key, { shape }]) => [key, shape[1], shape[1]]))
  })

  test('refuses images that the strides use up, and other channels', () => {
    const least = /^(resnet|wrn)/.test(name) ? 4 : name === 'MobileNetV2' ? 16 : 8
    expect(() => outline(name, { size: least - 1 })).toThrow(
      `model: the images are too small for strides of ${least} in all, got [3, ${least - 1}, ${least - 1}]. Use images of at least ${least} x ${least}.`,
    )
    const model = outline(name).eval()
    expect(() => model.forward(zeros([2, 3, 32, least - 1]))).toThrow(`got [2, 3, 32, ${least - 1}].`)
    expect(() => model.forward(zeros([2, 1, 32, 32]))).toThrow(
      'model: the images do not fit, got [2, 1, 32, 32]. Expected [N, 3, H, W]; set inChannels to that of the data.',
    )
    expect(model.forward(zeros([1, 3, least, least])).logits.shape).toEqual([1, 100])
  })
})

test('every model but the small ones is specified above', () => {
  expect([...models.keys()].slice(5)).toEqual(specified.map(([name]) => name))
})

test.each([...models.keys()].slice(0, 5))('%s takes images that are not square', (name) => {
  const model = shapesOnly(() => models.get(name)!({ seed: 0, inChannels: 2, classes: 4, size: [20, 28] }))
  expect(model.eval().forward(zeros([3, 2, 20, 28])).logits.shape).toEqual([3, 4])
  expect(() => model.forward(zeros([3, 2, 28, 20]))).toThrow('Expected [N, 2, 20, 28]')
})

test('resnet8x4 with 10 classes has 1,210,410 parameters', () => {
  expect(summary(models.get('resnet8x4')!, { classes: 10 }).parameters).toBe(1_210_410)
})

test('images of 64 are pooled once more by a VGG', () => {
  const sizes = (size: number) => summary(models.get('vgg8')!, { size }).taps.map(({ shape }) => shape[1])
  expect(sizes(63).slice(0, 5)).toEqual([63, 31, 15, 7, 7])
  expect(sizes(64).slice(0, 5)).toEqual([64, 32, 16, 8, 4])
})

// The names in the published code: of the first layers, of a shortcut, of the last ones.
test.each([
  [
    'resnet8x4',
    'conv1 bn1 layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer1.0.downsample.0 layer1.0.downsample.1',
    'layer3.0.downsample.0 layer3.0.downsample.1 fc',
  ],
  [
    'resnet20',
    'conv1 bn1 layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer1.1.conv1',
    'layer3.2.conv2 layer3.2.bn2 fc',
  ],
  [
    'ResNet50',
    'conv1 bn1 layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer1.0.conv3 layer1.0.bn3 layer1.0.shortcut.0 layer1.0.shortcut.1',
    'layer4.2.conv3 layer4.2.bn3 linear',
  ],
  [
    'wrn_16_2',
    'conv1 block1.layer.0.bn1 block1.layer.0.conv1 block1.layer.0.bn2 block1.layer.0.conv2 block1.layer.0.convShortcut block1.layer.1.bn1',
    'block3.layer.1.conv2 bn1 fc',
  ],
  ['vgg13', 'block0.0 block0.1 block0.3 block0.4 block1.0', 'block4.3 block4.4 classifier'],
  [
    'MobileNetV2',
    'conv1.0 conv1.1 blocks.0.0.conv.0 blocks.0.0.conv.1 blocks.0.0.conv.3 blocks.0.0.conv.4 blocks.0.0.conv.6 blocks.0.0.conv.7 blocks.1.0.conv.0',
    'conv2.0 conv2.1 classifier.0',
  ],
  [
    'ShuffleNetV1',
    'conv1 bn1 layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer1.0.conv3 layer1.0.bn3 layer1.1.conv1',
    'layer3.3.conv3 layer3.3.bn3 linear',
  ],
  [
    'ShuffleNetV2',
    'conv1 bn1 layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer1.0.conv3 layer1.0.bn3 layer1.0.conv4 layer1.0.bn4 layer1.0.conv5 layer1.0.bn5 layer1.1.conv1',
    'layer3.3.conv3 layer3.3.bn3 conv2 bn2 linear',
  ],
])('the parts of %s have the published names', (name, first, last) => {
  const parts = [
    ...new Set([...outline(name).namedParameters().keys()].map((key) => key.replace(/\.\w+$/, ''))),
  ]
  expect(parts.slice(0, first.split(' ').length).join(' ')).toBe(first)
  expect(parts.slice(-last.split(' ').length).join(' ')).toBe(last)
})

describe('a summary', () => {
  class Mlp extends Model {
    readonly fc = this.child('fc', new Linear(12, 5, { random: new Random(1) }))
    forward(images: Tensor): ModelOutput {
      return { logits: this.fc.forward(images.flatten(1)), features: {} }
    }
  }

  test('reads any model that says for which images it is', () => {
    class Sized extends Mlp {
      override readonly image = [3, 2, 2] as const
    }
    expect(summary(() => new Sized())).toEqual({
      parameters: 65,
      multiplyAdds: 60,
      image: [3, 2, 2],
      taps: [],
    })
  })

  test('says what is missing', () => {
    expect(() => summary(() => new Mlp())).toThrow(
      'summary: the model must say for which images it is, got Mlp without. Give it a field image = [C, H, W].',
    )
  })

  test('draws no weights, and those of the next model are drawn again', () => {
    expect(
      outline('resnet8')
        .parameters()
        .every(({ host }) => host === null),
    ).toBe(true)
    expect(() => shapesOnly(() => outline('resnet8', { classes: 0 }))).toThrow('classes must be a positive')
    expect(
      models.get('resnet8')!({ seed: 1 })
        .parameters()
        .every(({ host }) => host !== null),
    ).toBe(true)
  })
})
