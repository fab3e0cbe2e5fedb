import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkFinite, checkLoss, distillBatch } from '../../src/check/index.ts'
import { cat, full, gaussianNllLoss, grad, mseLoss, type Tensor, tensor, zeros } from '../../src/index.ts'
import { type AnyLoss, at, fitnet, fsp, type Settings, vid } from '../../src/losses/index.ts'
import { given, identityConv } from '../support/adapters.ts'
import { factor, maps, same } from '../support/features.ts'
import { sensible } from '../support/loss-settings.ts'
import { featuresBatch } from '../support/methods/call.ts'
import { expectGolden, onDevice } from '../support/same.ts'
import { thrownBy } from '../support/thrown.ts'

// Losses that compare maps: attention, hints, what one map tells of another, flow from map to map.

const attention =
  (params: Parameters<typeof at>[1] = {}) =>
  (s: Tensor, t: Tensor) =>
    at(featuresBatch([s], [t]), params)

/** Hints with a regressor that hands on what it gets. */
const hint = (s: Tensor, t: Tensor) => {
  const batch = featuresBatch([s], [t])
  const [out, from] = [t.shape[1]!, s.shape[1]!]
  const weights = {
    'regressor.conv.weight': identityConv(out, from),
    'regressor.conv.bias': zeros([out]),
  }
  return given(fitnet.prepare(batch, { regressor: '1x1' }), weights)(batch)
}

const flow = (s: readonly Tensor[], t: readonly Tensor[], params = {}) => {
  const batch = featuresBatch(s, t)
  return fsp.prepare(batch, params)(batch)
}

/** From a map to itself. */
const selfFlow = (s: Tensor, t: Tensor) => flow([s, s], [t, t])

const sameChannels = maps({ sameChannels: true })

describe('golden values of the specification, section 7', () => {
  const values = (f: (i: number) => number) =>
    tensor(
      Float64Array.from({ length: 96 }, (_, i) => f(i)),
      [2, 3, 4, 4],
    )
  const s = values((i) => Math.sin(0.1 + 0.23 * i))
  const t = values((i) => Math.cos(0.4 + 0.31 * i))

  test.each([
    ['fitnet', hint, 1.1047959722, 0.214553409454, -0.0171089078616],
    ['at', attention(), 0.0105191514866, 0.0114597721689, -0.000211976024746],
  ] as const)('%s', async (_, loss, value, norm, first) => {
    await expectGolden(loss(s, t), s, [value, norm, first], onDevice(1e-10, 2e-5))
  })
})

test.each([
  ['at', attention()],
  ['at, paper', attention({ form: 'paper' })],
  ['at, p 1', attention({ p: 1 })],
  ['fitnet', hint],
  ['fsp', selfFlow],
] as const)('%s is 0 with gradient 0 where the student equals the teacher', (_, loss) =>
  fc.assert(
    fc.asyncProperty(sameChannels, async ({ s }) => {
      const y = loss(s, s.detach())
      await same(y, 0)
      await same(grad(y, [s])[0]!, zeros(s.shape))
    }),
  ),
)

test.each([
  ['at', attention()],
  ['at, paper', attention({ form: 'paper' })],
  ['at, p 3', attention({ p: 3 })],
] as const)('%s does not see the scale of the student', (_, loss) =>
  fc.assert(
    fc.asyncProperty(sameChannels, factor, async ({ s, t }, scale) => {
      await same(loss(s.mul(scale), t), loss(s, t))
    }),
  ),
)

// What the contract checks with the defaults, with other settings.
describe.each([
  ['at, paper', at, { form: 'paper' }],
  ['at, p 3', at, { p: 3 }],
  ['fitnet, 1x1', fitnet, { regressor: '1x1' }],
] as const)('%s', (_, loss: AnyLoss, params: Settings) => {
  test('has the right gradient', () =>
    fc.assert(fc.asyncProperty(distillBatch(), (batch) => checkLoss(loss, batch, { params }))))

  test('stays finite', () =>
    fc.assert(
      fc.asyncProperty(
        distillBatch({ largest: 1e4, largestFeature: 100, degenerate: true }),
        async (batch) => {
          expect(await checkFinite(loss, batch, { params })).toBeLessThan(sensible(loss.id))
        },
      ),
    ))
})

describe('at', () => {
  const each = (property: (s: Tensor, t: Tensor) => Promise<void>) =>
    fc.assert(fc.asyncProperty(maps(), ({ s, t }) => property(s, t)))

  test('in the form of the paper is half the root of the other form’s sum, for one sample', () =>
    fc.assert(
      fc.asyncProperty(
        maps().filter(({ s }) => s.shape[0] === 1),
        async ({ s, t }) => {
          const norm = attention({ form: 'paper' })(s, t).mul(2)
          await same(norm.square(), attention()(s, t).mul(s.shape[2]! * s.shape[3]!))
        },
      ),
    ))

  test('of squared maps with p 2 is that of the maps with p 4, and with p 1 that with p 2', () =>
    each(async (s, t) => {
      await same(attention({ p: 2 })(s.square(), t.square()), attention({ p: 4 })(s, t))
      await same(attention({ p: 1 })(s.square(), t.square()), attention({ p: 2 })(s, t))
    }))

  test('sums over layers', () =>
    each(async (s, t) => {
      const both = at(featuresBatch([s, t], [t, s]))
      await same(both, attention()(s, t).add(attention()(t, s)))
    }))

  test('with p below 1 gives elements that are 0 no gradient', async () => {
    const s = tensor([0, 1, 2, 3], [1, 1, 2, 2])
    const y = attention({ p: 0.5 })(s, tensor([1, 1, 0, 0], [1, 1, 2, 2]))
    const g = await grad(y, [s])[0]!.data()
    expect(g[0]).toBe(0)
    expect(Array.from(g.slice(1))).toSatisfy((rest: number[]) => rest.every((x) => x && Number.isFinite(x)))
  })
})

describe('fitnet', () => {
  test('with a regressor that does nothing is the mean square of the differences', () =>
    fc.assert(fc.asyncProperty(sameChannels, ({ s, t }) => same(hint(s, t), mseLoss(s, t)))))

  test.each([
    ['halves', [8, 8], [4, 4], [5, 3, 3, 3]],
    ['doubles', [2, 2], [4, 4], [3, 5, 4, 4]],
    ['keeps', [4, 4], [4, 4], [5, 3, 1, 1]],
    ['cuts', [5, 4], [3, 4], [5, 3, 3, 1]],
  ])('its regressor %s a map', (_, from, to, weight) => {
    const batch = featuresBatch([zeros([2, 3, ...from])], [zeros([2, 5, ...to])])
    const { own } = fitnet.prepare(batch)
    expect(own.stateDict().get('regressor.conv.weight')!.shape).toEqual(weight)
  })

  test('has a first stage of its own where it is asked for', () => {
    const batch = featuresBatch([zeros([2, 3, 4, 4])], [zeros([2, 3, 4, 4])])
    expect(fitnet.prepare(batch).preliminary).toMatchObject({ epochs: 0 })
    const { preliminary } = fitnet.prepare(batch, { initEpochs: 5 })
    expect(preliminary).toMatchObject({ epochs: 5 })
  })
})

describe('vid', () => {
  const likelihood = (s: Tensor, t: Tensor, params: Settings, weights: Record<string, Tensor>) => {
    const batch = featuresBatch([s], [t])
    return given(vid.prepare(batch, params), weights)(batch)
  }
  const handOn = (to: number, from: number) => ({
    'layer1.mean.conv1.weight': identityConv(to, from),
    'layer1.mean.conv2.weight': identityConv(to),
    'layer1.mean.conv3.weight': identityConv(to),
  })

  test('with variance 1 and a mean that is the student’s map is half the mean square of the differences', () =>
    fc.assert(
      fc.asyncProperty(sameChannels, async ({ s, t }) => {
        const c = t.shape[1]!
        const scale = Math.log(Math.expm1(1 - 1e-5))
        const weights = { ...handOn(c, c), 'layer1.log_scale': full([c], scale) }
        await same(likelihood(s.abs(), t, {}, weights), mseLoss(s.abs(), t).mul(0.5))
      }),
    ))

  test('is the normal negative log-likelihood of PyTorch', () =>
    fc.assert(
      fc.asyncProperty(maps(), fc.constantFrom(-30, -2, 0.5, 4, 90), async ({ s, t }, a) => {
        const [c, k] = [s.shape[1]!, t.shape[1]!]
        const scales = Array.from({ length: k }, (_, i) => a + i)
        const variance = tensor(scales.map((x) => Math.log1p(Math.exp(x)) + 1e-5)).reshape([1, k, 1, 1])
        const mean = s
          .relu()
          .slice([null, [0, Math.min(c, k)]])
          .pad([0, 0, 0, 0, 0, Math.max(k - c, 0)])
        const wanted = gaussianNllLoss(mean, t, variance.expand(t.shape), { eps: 1e-9 })
        const got = likelihood(s, t, {}, { ...handOn(k, c), 'layer1.log_scale': tensor(scales) })
        await same(got.div(wanted.abs().detach().add(1)), wanted.div(wanted.abs().add(1)))
      }),
    ))

  test.each([1e-4, 0.5, 5, 40, 2000])('starts with the variance %d', async (variance) => {
    const map = zeros([1, 2, 2, 2])
    // Of a mean that is right only log v is left.
    // Weights start as float32 numbers.
    await same(likelihood(map, map, { variance }, {}), Math.log(variance) / 2, 1e-6)
  })

  test('trains its mean and its variances', () => {
    const batch = featuresBatch([zeros([1, 2, 2, 2])], [zeros([1, 3, 4, 2])])
    expect([...vid.prepare(batch).own.namedParameters().keys()]).toEqual([
      'layer1.log_scale',
      'layer1.mean.conv1.weight',
      'layer1.mean.conv2.weight',
      'layer1.mean.conv3.weight',
    ])
  })
})

describe('fsp', () => {
  test('compares a block of the Gram matrices of both maps together', () =>
    fc.assert(
      fc.asyncProperty(sameChannels, async ({ s, t }) => {
        const [, c, h, w] = s.shape as [number, number, number, number]
        const second = (x: Tensor) => x.mul(0.5).add(1)
        const block = (x: Tensor) => {
          const all = cat([x, second(x)], 1).flatten(2)
          return all
            .matmul(all.transpose())
            .div(h * w)
            .slice([null, [0, c], [c, 2 * c]])
        }
        await same(flow([s, second(s)], [t, second(t)]), mseLoss(block(s), block(t)))
      }),
    ))

  test('does not see where in its maps the student is active', () =>
    fc.assert(
      fc.asyncProperty(sameChannels, async ({ s, t }) => {
        await same(selfFlow(s.flip([2, 3]), t), selfFlow(s, t))
      }),
    ))

  test('with adapters that hand on what they get takes missing channels for 0', () =>
    fc.assert(
      fc.asyncProperty(sameChannels, async ({ s, t }) => {
        const c = s.shape[1]!
        const wider = cat([t, t.slice([null, [0, 1]])], 1)
        const batch = featuresBatch([s, s], [wider, wider])
        const handOn = { weight: identityConv(c + 1, c), bias: zeros([c + 1]) }
        const prepared = given(fsp.prepare(batch, { adapter: true }), {
          'layer1.conv1.weight': handOn.weight,
          'layer1.conv1.bias': handOn.bias,
          'layer2.conv1.weight': handOn.weight,
          'layer2.conv1.bias': handOn.bias,
        })
        const padded = s.pad([0, 0, 0, 0, 0, 1])
        await same(prepared(batch), flow([padded, padded], [wider, wider]))
      }),
    ))

  test('trains in a stage of its own, with its own weight, and puts adapters only where they are needed', async () => {
    const batch = featuresBatch(
      [tensor([1, 2, 3, 4], [1, 1, 2, 2]), zeros([1, 1, 2, 2]).add(1)],
      [zeros([1, 1, 2, 2]), zeros([1, 1, 2, 2])],
    )
    const prepared = fsp.prepare(batch, { adapter: true, initWeight: 20 })
    expect(prepared.own.parameters()).toEqual([])
    expect(prepared.preliminary).toMatchObject({ epochs: 30 })
    await same(prepared(batch), 6.25)
    await same(prepared.preliminary!.objective(batch), 125)
    expect(fsp.mix).toEqual({ weight: 0, ce: 1 })
  })
})

const map = (...shape: number[]) => zeros(shape)

/** Bad input and the whole sentence that answers it. */
test.each<readonly [call: () => unknown, name: string, message: string]>([
  [
    () => attention()(map(2, 3, 1, 1), map(2, 4, 2, 2)),
    'ShapeError',
    'at: a map of one position has no attention to transfer, got f0 [2, 3, 1, 1] and f0 [2, 4, 2, 2]. Choose layers with larger maps.',
  ],
  [
    () => at(featuresBatch([map(2, 3)], [map(2, 4)]), { layers: 'f0' }),
    'ShapeError',
    'at: it compares maps [N, C, H, W], got f0 [2, 3] and f0 [2, 4]. Choose other layers.',
  ],
  [
    () => attention({ p: 0 })(map(2, 3, 2, 2), map(2, 3, 2, 2)),
    'ValueError',
    'at: p must be positive, got 0. Its default is 2.',
  ],
  [
    () => fitnet.prepare(featuresBatch([map(2, 3, 3, 3)], [map(2, 4, 4, 4)])),
    'ShapeError',
    "fitnet: no regressor leads from the student's map to the teacher's, got f0 [2, 3, 3, 3] and f0 [2, 4, 4, 4]. Choose layers where the student's map is half as large, or not smaller.",
  ],
  [
    () => fitnet.prepare(featuresBatch([map(2, 3, 8, 8)], [map(2, 4, 4, 4)]), { regressor: '1x1' }),
    'ShapeError',
    "fitnet: the 1x1 regressor is for maps of one size, got f0 [2, 3, 8, 8] and f0 [2, 4, 4, 4]. Choose other layers, or the regressor 'sized'.",
  ],
  [
    () => vid.prepare(featuresBatch([map(2, 3, 2, 2)], [map(2, 4, 2, 2)]), { variance: 1, eps: 2 }),
    'ValueError',
    'vid: variance must be above eps, got 1 and 2. Make variance larger.',
  ],
  [
    () => flow([map(2, 3, 2, 2), map(2, 3, 2, 2)], [map(2, 3, 2, 2), map(2, 4, 2, 2)]),
    'ShapeError',
    'fsp: student and teacher must have the same channels, got f1 [2, 3, 2, 2] and f1 [2, 4, 2, 2]. Choose other networks or layers, or set adapter to true.',
  ],
  [
    () => flow([map(2, 3, 2, 2)], [map(2, 3, 2, 2)]),
    'ShapeError',
    'fsp: the flow leads from one map to the next, got only f0. Name at least two layers.',
  ],
])('%s gives a %s', (call, name, message) => {
  expect(thrownBy(call)).toMatchObject({ name, message })
})
