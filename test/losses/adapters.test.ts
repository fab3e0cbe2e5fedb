import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkFinite, checkLoss, distillBatch } from '../../src/check/index.ts'
import { cosineSimilarity, full, grad, mseLoss, type Tensor, tensor, zeros } from '../../src/index.ts'
import { ab, at, ft, ofd, type Settings } from '../../src/losses/index.ts'
import { factorDistance } from '../../src/losses/parts/factors.ts'
import { negativeMean, partialL2 } from '../../src/losses/parts/partial-l2.ts'
import { Adam } from '../../src/optim/index.ts'
import { testDevice } from '../setup.ts'
import { given, identityConv, identityNorm } from '../support/adapters.ts'
import { factor, maps, type Pair, same } from '../support/features.ts'
import { sensible } from '../support/loss-settings.ts'
import { featuresBatch } from '../support/methods/call.ts'
import { thrownBy } from '../support/thrown.ts'

// Losses that look at maps through networks of their own: boundaries, factors, and what is left of negative features.

const sameChannels = maps({ sameChannels: true })
const each = (pairs: fc.Arbitrary<Pair>, property: (pair: Pair) => Promise<void>) =>
  fc.assert(fc.asyncProperty(pairs, property))

const map = (...shape: number[]) => zeros(shape)

describe('ab', () => {
  const boundaries = (s: readonly Tensor[], t: readonly Tensor[], margin = 1) => {
    const batch = featuresBatch(s, t, 'preActivations')
    return ab.prepare(batch, { margin })(batch)
  }

  test('of a student on its boundaries is the square of the margin for each element of a sample', () =>
    each(sameChannels, async ({ t }) => {
      const elements = t.size / t.shape[0]!
      await same(boundaries([t.mul(0)], [t], 1.5), (3 / 1000) * elements * 2.25)
    }))

  test('is 0 with gradient 0 where the student is a margin away on the teacher’s side', () =>
    each(sameChannels, async ({ t }) => {
      const s = t.gt(0).toFloat().mul(2).sub(1)
      const y = boundaries([s], [t])
      await same(y, 0)
      await same(grad(y, [s])[0]!, zeros(s.shape))
    }))

  test('under a teacher that is always active is the mean square distance to the margin', () =>
    each(sameChannels, async ({ s, t }) => {
      const margin = full(s.shape, 3)
      const elements = s.size / s.shape[0]!
      await same(boundaries([s], [t.abs().add(1)], 3), mseLoss(s, margin).mul((3 / 1000) * elements))
    }))

  test('halves the weight of each layer before the last', () =>
    each(sameChannels, async ({ s, t }) => {
      const one = boundaries([s], [t])
      await same(boundaries([s, s, s], [t, t, t]), one.mul(1.75))
    }))

  test('connects only what differs in shape', () => {
    const batch = featuresBatch(
      [map(2, 3, 4, 4), map(2, 3, 4, 4), map(2, 5, 4, 4)],
      [map(2, 3, 4, 4), map(2, 6, 2, 2), map(2, 5, 8, 8)],
      'preActivations',
    )
    const prepared = ab.prepare(batch)
    expect([...prepared.own.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['layer2.conv.weight', [6, 3, 3, 3]],
      ['layer2.conv.bias', [6]],
      ['layer2.bn.weight', [6]],
      ['layer2.bn.bias', [6]],
      ['layer3.conv.weight', [5, 5, 4, 4]],
      ['layer3.conv.bias', [5]],
      ['layer3.bn.weight', [5]],
      ['layer3.bn.bias', [5]],
    ])
    expect(prepared.preliminary).toMatchObject({ epochs: 30 })
    expect(ab.mix).toEqual({ weight: 0, ce: 1 })
  })
})

describe('ft', () => {
  const compare = (form: 'attention' | 'flat', p1: number, p2: number) => (s: Tensor, t: Tensor) =>
    factorDistance('ft', featuresLayer(s, t), { form, p1, p2 })
  const featuresLayer = (student: Tensor, teacher: Tensor) => ({
    name: { student: 'f0', teacher: 'f0' },
    student,
    teacher,
  })
  const batch = featuresBatch(
    [
      tensor(
        Float64Array.from({ length: 96 }, (_, i) => Math.sin(0.1 + 0.23 * i)),
        [2, 3, 4, 4],
      ),
    ],
    [
      tensor(
        Float64Array.from({ length: 128 }, (_, i) => Math.cos(0.4 + 0.31 * i)),
        [2, 4, 4, 4],
      ),
    ],
  )
  const gradientsOf = async (loss: Tensor, parameters: ReadonlyMap<string, Tensor>) =>
    Promise.all(
      grad(loss, [...parameters.values()]).map(async (g, i) => ({
        name: [...parameters.keys()][i]!,
        moves: (await g.data()).some((x) => Math.abs(x) > 1e-6),
      })),
    )

  test.each([
    ['attention', compare('attention', 2, 1)],
    ['flat', compare('flat', 2, 1)],
    ['flat, squares', compare('flat', 2, 2)],
  ] as const)('%s is 0 with gradient 0 for equal factors, and does not see their scale', (_, loss) =>
    fc.assert(
      fc.asyncProperty(sameChannels, factor, async ({ s, t }, scale) => {
        const y = loss(s, s.detach())
        await same(y, 0)
        await same(grad(y, [s])[0]!, zeros(s.shape))
        await same(loss(s.mul(scale), t), loss(s, t))
      }),
    ),
  )

  test('attention with squared differences is attention transfer between factors', () =>
    each(maps(), ({ s, t }) => same(compare('attention', 3, 2)(s, t), at(featuresBatch([s], [t]), { p: 3 }))))

  test('flat with squared differences is the distance of cosines', () =>
    each(sameChannels, async ({ s, t }) => {
      const cosine = cosineSimilarity(s.flatten(1), t.flatten(1)).mean()
      const elements = s.size / s.shape[0]!
      await same(compare('flat', 2, 2)(s, t), cosine.mul(-2).add(2).div(elements))
    }))

  test('first trains the paraphraser alone, and then the translator alone', async () => {
    const prepared = ft.prepare(batch)
    const { own, preliminary } = prepared
    expect(preliminary).toMatchObject({ epochs: 30, rate: 0.2 })
    const parameters = own.namedParameters()
    for (const { name, moves } of await gradientsOf(preliminary!.objective(batch), parameters))
      expect([name, moves]).toEqual([name, name.startsWith('paraphraser')])
    for (const { name, moves } of await gradientsOf(prepared(batch), parameters)) {
      // A shift before batch normalisation changes nothing.
      const shift = /^translator\.conv\d\.bias$/.test(name)
      expect([name, moves]).toEqual([name, name.startsWith('translator') && !shift])
    }
  })

  test('its paraphraser learns to reconstruct the teacher’s map', async () => {
    const { own, preliminary } = ft.prepare(batch, { k: 1 })
    const loss = () => preliminary!.objective(batch)
    const before = await loss().item()
    const optimizer = new Adam(own.parameters(), { lr: 0.01 })
    for (let step = 0; step < 20; step++) await optimizer.step(loss())
    expect(await loss().item()).toBeLessThan(0.75 * before)
  })

  test('a factor has k channels for each of the teacher’s', () => {
    const shapes = (k: number) =>
      ['paraphraser.encoder.conv3', 'paraphraser.decoder.conv1', 'translator.conv3'].map(
        (name) => ft.prepare(batch, { k }).own.stateDict().get(`${name}.weight`)!.shape,
      )
    expect(shapes(0.5)).toEqual([2, 2, 2].map((c) => [c, c, 3, 3]))
    expect(shapes(0.9)).toEqual([3, 3, 3].map((c) => [c, c, 3, 3]))
  })

  describe.each<Settings>([{ form: 'flat' }, { form: 'flat', p2: 2 }, { p2: 2 }])('with %j', (params) => {
    test('has the right gradient', () =>
      fc.assert(fc.asyncProperty(distillBatch(), (batch) => checkLoss(ft, batch, { params }))))

    test('stays finite', () =>
      fc.assert(
        fc.asyncProperty(
          distillBatch({ largest: 1e4, largestFeature: 100, degenerate: true }),
          async (batch) => {
            expect(await checkFinite(ft, batch, { params })).toBeLessThan(sensible('ft'))
          },
        ),
      ))
  })
})

/** E[x | x < 0] of a normal distribution by Simpson's rule, over what lies within 12 deviations. */
function meanBelowZero(mean: number, deviation: number): number {
  const steps = 20_000
  const top = Math.min(0, mean + 12 * deviation)
  const bottom = Math.min(top, mean - 12 * deviation) - deviation
  let [mass, moment] = [0, 0]
  for (let i = 0; i <= steps; i++) {
    const x = bottom + ((top - bottom) * i) / steps
    const weight = i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4
    // Counted from the top, so that nothing underflows where almost all lies above 0.
    const density = weight * Math.exp(((top - mean) ** 2 - (x - mean) ** 2) / (2 * deviation ** 2))
    mass += density
    moment += x * density
  }
  return moment / mass
}

describe('ofd', () => {
  const margins = (weight: readonly number[], bias: readonly number[]) =>
    negativeMean({ weight: tensor(weight), bias: tensor(bias) })

  test('its margins are the means of the negative part, for any ratio', async () => {
    const ratios = [-1000, -40, -12, -9, -3, -1, -0.1, 0, 0.1, 0.5, 0.7, 0.71, 1, 2, 3, 3.09]
    for (const weight of [1, -0.25, 64]) {
      const bias = ratios.map((r) => r * Math.abs(weight))
      const got = await margins(
        bias.map(() => weight),
        bias,
      ).data()
      bias.forEach((b, i) => {
        const wanted = meanBelowZero(b, Math.abs(weight))
        const allowed = testDevice === 'reference' ? 1e-9 : 1e-5
        expect(Math.abs(got[i]! / wanted - 1), `${b} and ${weight}`).toBeLessThan(allowed)
      })
    }
  })

  test('its margins are three deviations below 0 where hardly anything is negative', () =>
    same(margins([1, -2, 0.5, 1e-3], [3.1, 100, 1e4, 1e30]), tensor([-3, -6, -1.5, -3e-3])))

  test('its margins are the bias or 0 where nothing varies', () =>
    same(margins([0, 0, 0, 1e-30], [-2, 0, 2, -3]), tensor([-2, 0, 0, -3])))

  test('is the sum of squared differences where the teacher is active', () =>
    each(sameChannels, async ({ s, t }) => {
      const active = t.abs().add(0.25)
      const wanted = mseLoss(s, active).mul(s.size)
      await same(partialL2(s, active, full([s.shape[1]!], -1)), wanted)
    }))

  test('asks of a student below the margin nothing where the teacher is not active', () =>
    each(sameChannels, async ({ s, t }) => {
      const low = s.sub(4)
      const y = partialL2(low, t.abs().neg(), full([s.shape[1]!], -1.5))
      await same(y, 0)
      await same(grad(y, [low])[0]!, zeros(s.shape))
    }))

  const norms = (channels: number) => ({ weight: full([channels], 1), bias: full([channels], -0.5) })
  const connected = (s: readonly Tensor[], t: readonly Tensor[]) => {
    const batch = {
      ...featuresBatch(s, t, 'preActivations'),
      teacherNorms: Object.fromEntries(t.map((x, i) => [`f${i}`, norms(x.shape[1]!)])),
    }
    const prepared = ofd.prepare(batch)
    const weights = s.map((x, i) => ({
      [`layer${i + 1}.conv1.weight`]: identityConv(t[i]!.shape[1]!, x.shape[1]!),
      ...identityNorm(`layer${i + 1}.bn1`, t[i]!.shape[1]!),
    }))
    given(prepared, Object.assign({}, ...weights)).own.eval()
    return prepared(batch)
  }

  test('with connectors that hand on what they get is the comparison alone, half as heavy a layer earlier', () =>
    each(sameChannels, async ({ s, t }) => {
      const one = partialL2(s, t, negativeMean(norms(s.shape[1]!))).div(s.shape[0]!)
      await same(connected([s], [t]), one)
      await same(connected([s, s], [t, t]), one.mul(1.5))
    }))

  test('is 0 with gradient 0 where the student equals the teacher', () =>
    each(sameChannels, async ({ s }) => {
      const y = connected([s], [s.detach()])
      await same(y, 0)
      await same(grad(y, [s])[0]!, zeros(s.shape))
    }))

  test('its connectors start with variance 2 / channels', async () => {
    const batch = {
      ...featuresBatch([map(2, 40, 1, 1)], [map(2, 50, 1, 1)], 'preActivations'),
      teacherNorms: { f0: norms(50) },
    }
    const weight = ofd.prepare(batch).own.stateDict().get('layer1.conv1.weight')!
    expect(weight.shape).toEqual([50, 40, 1, 1])
    expect(Math.abs((await weight.square().mean().item()) / (2 / 50) - 1)).toBeLessThan(0.1)
    expect(Math.abs(await weight.mean().item())).toBeLessThan(0.02)
  })
})

const pair = featuresBatch([map(2, 3, 2, 2)], [map(2, 4, 2, 2)], 'preActivations')

/** Bad input and the whole sentence that answers it. */
test.each<readonly [call: () => unknown, name: string, message: string]>([
  [
    () => ab.prepare(featuresBatch([map(2, 3, 3, 3)], [map(2, 4, 4, 4)], 'preActivations')),
    'ShapeError',
    "ab: no regressor leads from the student's map to the teacher's, got f0 [2, 3, 3, 3] and f0 [2, 4, 4, 4]. Choose layers where the student's map is half as large, or not smaller.",
  ],
  [
    () => ft.prepare(featuresBatch([map(2, 3, 2, 2)], [map(2, 4, 2, 2)]), { k: 0.2 }),
    'ValueError',
    'ft: the factor would have no channels, got k = 0.2 for 4 channels of the teacher. Make k larger.',
  ],
  [
    () => ft.prepare(featuresBatch([map(2, 3, 1, 1)], [map(2, 4, 1, 1)])),
    'ShapeError',
    'ft: a map of one position has no attention to transfer, got f0 [2, 2, 1, 1] and f0 [2, 2, 1, 1]. Choose layers with larger maps.',
  ],
  [
    () => ofd.prepare({ ...pair, teacherNorms: { stage1: { weight: map(4), bias: map(4) } } }),
    'ValueError',
    "ofd: the teacher's layer f0 needs a batch normalisation before its activation, got those of stage1. Choose other layers, or add it to teacherNorms.",
  ],
  [
    () => ofd.prepare({ ...pair, teacherNorms: {} }),
    'ValueError',
    "ofd: the teacher's layer f0 needs a batch normalisation before its activation, got those of none. Choose other layers, or add it to teacherNorms.",
  ],
])('%s gives a %s', (call, name, message) => {
  expect(thrownBy(call)).toMatchObject({ name, message })
})
