import { describe, expect, test } from 'vitest'
import { zeros } from '../../src/index.ts'
import { models, Student, Teacher } from '../../src/nn/models/index.ts'

const make = (name: string) => models.get(name)!({ seed: 1 })
const shapesOf = (features: Readonly<Record<string, { shape: readonly number[] }>>) =>
  Object.fromEntries(Object.entries(features).map(([name, f]) => [name, f.shape]))

// Counts and structure: shared/specs/recipes-evidence.md, section 2.
describe.each([
  ['s4-8', 4_278, [1, 28], { stage1: [2, 4, 14, 14], stage2: [2, 8, 7, 7], penultimate: [2, 392] }],
  ['t8-16', 52_162, [1, 28], { stage1: [2, 8, 14, 14], stage2: [2, 16, 7, 7], penultimate: [2, 64] }],
  ['t16-32', 206_970, [1, 28], { stage1: [2, 16, 14, 14], stage2: [2, 32, 7, 7], penultimate: [2, 128] }],
  [
    'c16',
    24_346,
    [3, 32],
    { stage1: [2, 16, 16, 16], stage2: [2, 32, 8, 8], stage3: [2, 64, 8, 8], penultimate: [2, 64] },
  ],
  [
    'tc',
    242_474,
    [3, 32],
    {
      stage1: [2, 32, 16, 16],
      stage2: [2, 64, 8, 8],
      stage3: [2, 128, 8, 8],
      stage4: [2, 128, 8, 8],
      penultimate: [2, 128],
    },
  ],
] as const)('%s', (name, parameters, [channels, size], features) => {
  test(`has ${parameters} parameters`, () => {
    expect(make(name).parameterCount()).toBe(parameters)
  })

  test('gives logits and features, shallow to deep', () => {
    const out = make(name).forward(zeros([2, channels, size, size]))
    expect(out.logits.shape).toEqual([2, 10])
    expect(shapesOf(out.features)).toEqual(features)
    expect(Object.keys(out.features)).toEqual(Object.keys(features))
  })
})

test('parts have PyTorch’s names', () => {
  expect([...make('t8-16').namedParameters().keys()]).toEqual([
    'conv1.weight',
    'bn1.weight',
    'bn1.bias',
    'conv2.weight',
    'bn2.weight',
    'bn2.bias',
    'hidden.weight',
    'hidden.bias',
    'fc.weight',
    'fc.bias',
  ])
})

test('other channels, sizes and classes fit together', () => {
  const student = new Student({ seed: 1, inChannels: 3, classes: 7, size: 17, channels: [2, 3, 4] })
  const { logits, features } = student.forward(zeros([1, 3, 17, 17]))
  expect(logits.shape).toEqual([1, 7])
  expect(features.stage3!.shape).toEqual([1, 4, 2, 2])
})

test('the seed fixes weights and masks: two runs agree bit for bit', async () => {
  const run = async (seed: number) => {
    const { logits } = new Teacher({ seed, dropout: 0.5 }).forward(zeros([4, 1, 28, 28]).add(1))
    return Array.from(await logits.data())
  }
  expect(await run(1)).toEqual(await run(1))
  expect(await run(1)).not.toEqual(await run(2))
})

describe('what makes no sense', () => {
  test.each<[string, () => unknown, string]>([
    [
      'images of another size',
      () => new Student({ seed: 1 }).forward(zeros([2, 1, 32, 32])),
      'model: the images do not fit, got [2, 1, 32, 32]. Expected [N, 1, 28, 28]; set inChannels and size to those of the data.',
    ],
    [
      'too many stages',
      () => new Student({ seed: 1, size: 4, channels: [1, 1, 1] }),
      'model: nothing is left of the images after stage 3, got [1, 4, 4]. Use larger images or fewer stages.',
    ],
    [
      'no stages',
      () => new Student({ seed: 1, channels: [] }),
      'model: there must be at least one stage, got none. Name its channels.',
    ],
    [
      'no classes',
      () => new Student({ seed: 1, classes: 0 }),
      'model: classes must be a positive whole number, got 0. Check the settings.',
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message)
  })
})
