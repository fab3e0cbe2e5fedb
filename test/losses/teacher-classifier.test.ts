import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkFinite, checkLoss, type DistillBatch, distillBatch } from '../../src/check/index.ts'
import { grad, linear, mseLoss, normalize, type Tensor, tensor, zeros } from '../../src/index.ts'
import { type AnyLoss, catkd, type Settings, simkd, srrl } from '../../src/losses/index.ts'
import { Teacher } from '../../src/nn/models/index.ts'
import { given, identityConv, identityNorm } from '../support/adapters.ts'
import { factor, maps, same } from '../support/features.ts'
import { sensible } from '../support/loss-settings.ts'
import { sideOf } from '../support/methods/call.ts'
import { thrownBy } from '../support/thrown.ts'

// Losses that use the teacher's classifier: on the student's map, in place of the student's own, or as class maps.

const sameChannels = maps({ sameChannels: true })
const each = (property: (s: Tensor, t: Tensor) => Promise<void>) =>
  fc.assert(fc.asyncProperty(sameChannels, ({ s, t }) => property(s, t)))

const map = (...shape: number[]) => zeros(shape)

/** A mean over positions and a linear layer with three classes. */
function classifier(map: Tensor) {
  const penultimate = map.mean([2, 3])
  const channels = map.shape[1]!
  const weight = Float64Array.from({ length: 3 * channels }, (_, i) => Math.sin(1 + 2 * i))
  return { penultimate, logits: linear(penultimate, tensor(weight, [3, channels]), tensor([0.5, -1, 0.25])) }
}

const batchOf = (s: Tensor, t: Tensor, teacherClassifier = classifier) => ({
  student: { ...sideOf([s]), logits: teacherClassifier(t).logits.mul(0) },
  teacher: { ...sideOf([t]), logits: teacherClassifier(t).logits },
  teacherClassifier,
})

describe('srrl', () => {
  /** With a connector that hands on what is positive. */
  const connected = (s: Tensor, t: Tensor, params = {}, teacherClassifier = classifier) => {
    const batch = batchOf(s, t, teacherClassifier)
    const [from, to] = [s.shape[1]!, t.shape[1]!]
    const prepared = given(srrl.prepare(batch, params), {
      'connector.conv1.weight': identityConv(to, from),
      ...identityNorm('connector.bn1', to),
    })
    prepared.own.eval()
    return prepared(batch)
  }

  test('is 0 with gradient 0 where the connector makes the teacher’s map', () =>
    each(async (s) => {
      const positive = s.abs()
      const y = connected(positive, positive.detach())
      await same(y, 0)
      await same(grad(y, [positive])[0]!, zeros(s.shape))
    }))

  test('is the mean square distance of pooled maps and that of logits', () =>
    each(async (s, t) => {
      const [mine, theirs] = [classifier(s.abs()), classifier(t)]
      const [pooled, logits] = [
        mseLoss(mine.penultimate, theirs.penultimate),
        mseLoss(mine.logits, theirs.logits),
      ]
      await same(connected(s.abs(), t, { beta: 0 }), pooled)
      await same(connected(s.abs(), t, { alpha: 0 }), logits)
      await same(connected(s.abs(), t, { alpha: 2, beta: 5 }), pooled.mul(2).add(logits.mul(5)))
    }))

  test('works with a classifier that looks at positions, and with another size of maps', async () => {
    const teacher = new Teacher({ seed: 1, channels: [2, 3], hidden: 4, size: 16, classes: 3 }).eval()
    const t = tensor(
      Float64Array.from({ length: 96 }, (_, i) => Math.cos(i) ** 2),
      [2, 3, 4, 4],
    )
    const classify = (x: Tensor) => teacher.classify(x)
    await same(connected(t, t, {}, classify), 0)
    for (const size of [2, 8]) {
      const s = tensor(
        Float64Array.from({ length: 6 * size ** 2 }, (_, i) => 1 + Math.sin(i)),
        [2, 3, size, size],
      )
      expect(await connected(s, t, {}, classify).item()).toBeGreaterThan(0)
    }
  })
})

describe('simkd', () => {
  /** With a projector that hands on what is positive. */
  const projecting = (s: Tensor, t: Tensor) => {
    const batch = batchOf(s, t)
    const [from, to] = [s.shape[1]!, t.shape[1]!]
    const prepared = given(simkd.prepare(batch, { factor: 1 }), {
      'projector.conv1.weight': identityConv(to, from),
      'projector.conv2.weight': identityConv(to, to, 3),
      'projector.conv3.weight': identityConv(to),
      ...identityNorm('projector.bn1', to),
      ...identityNorm('projector.bn2', to),
      ...identityNorm('projector.bn3', to),
    })
    prepared.own.eval()
    return { loss: prepared(batch), predicted: prepared.predict!(batch) }
  }

  test('is the mean square distance of the projected map, and predicts what the teacher makes of it', () =>
    each(async (s, t) => {
      const { loss, predicted } = projecting(s.abs(), t)
      await same(loss, mseLoss(s.abs(), t))
      expect(Object.keys(predicted)).toEqual(['teacher classifier'])
      await same(predicted['teacher classifier']!, classifier(s.abs()).logits)
    }))

  test('predicts as the teacher does, and is 0, where the projected map is the teacher’s', () =>
    each(async (_, t) => {
      const { loss, predicted } = projecting(t.abs(), t.abs())
      await same(loss, 0)
      await same(predicted['teacher classifier']!, classifier(t.abs()).logits)
    }))

  test('averages the larger map', () =>
    each(async (s, t) => {
      const [n, c, h, w] = s.shape as [number, number, number, number]
      const large = (x: Tensor) =>
        x
          .abs()
          .reshape([n, c, h, 1, w, 1])
          .expand([n, c, h, 2, w, 2])
          .reshape([n, c, 2 * h, 2 * w])
      const wanted = projecting(s.abs(), t.abs())
      for (const { loss, predicted } of [projecting(large(s), t.abs()), projecting(s.abs(), large(t))]) {
        await same(loss, wanted.loss)
        await same(predicted['teacher classifier']!, wanted.predicted['teacher classifier']!)
      }
    }))

  test('learns from the teacher alone, through a projector half as wide', () => {
    expect(simkd.mix).toEqual({ weight: 1, ce: 0 })
    const { own } = simkd.prepare(batchOf(map(2, 3, 2, 2), map(2, 5, 2, 2)))
    const weights = [1, 2, 3].map((i) => own.stateDict().get(`projector.conv${i}.weight`)!.shape)
    expect(weights).toEqual([
      [2, 3, 1, 1],
      [2, 2, 3, 3],
      [5, 2, 1, 1],
    ])
  })
})

const classAttention =
  (params: Parameters<typeof catkd>[1] = {}) =>
  (student: Tensor, teacher: Tensor) =>
    catkd({ student: { logits: zeros(student.shape.slice(0, 2)) }, classMaps: { student, teacher } }, params)

describe('catkd', () => {
  test.each<Settings>([{}, { normalize: false }])(
    'with %j is 0 with gradient 0 where the student equals the teacher',
    (params) =>
      each(async (s) => {
        const y = classAttention(params)(s, s.detach())
        await same(y, 0)
        await same(grad(y, [s])[0]!, zeros(s.shape))
      }),
  )

  test('does not see the scale of the student', () =>
    fc.assert(
      fc.asyncProperty(sameChannels, factor, async ({ s, t }, scale) => {
        await same(classAttention()(s.mul(scale), t), classAttention()(s, t))
      }),
    ))

  test('at the resolution of its maps and as they are is the mean square of the differences', () =>
    each((s, t) => same(classAttention({ normalize: false, resolution: 3 })(s, t), mseLoss(s, t))))

  test('of larger maps is that of their averages', () =>
    each(async (s, t) => {
      const [n, c, h, w] = t.shape as [number, number, number, number]
      const large = t
        .reshape([n, c, h, 1, w, 1])
        .expand([n, c, h, 2, w, 2])
        .reshape([n, c, 2 * h, 2 * w])
      const params = { resolution: 5 }
      await same(classAttention(params)(s, large), classAttention(params)(s, t))
    }))

  test('binarised teaches where the teacher is above its mean size', async () => {
    const s = tensor([1, 2, -1, 0.5], [1, 1, 2, 2])
    const binary = normalize(tensor([[0, 1, 1, 0]])).reshape([1, 1, 2, 2])
    const t = tensor([-1, 3, 4, 0], [1, 1, 2, 2])
    await same(classAttention({ binarize: true })(s, t), classAttention()(s, binary))
    // Equal values may lie above their rounded mean.
    const flat = zeros([1, 1, 3, 3]).add(0.1)
    const three = tensor([1, 2, -1, 0.5, 1, 2, 0, 3, 4], [1, 1, 3, 3])
    await same(
      classAttention({ binarize: true, resolution: 3 })(three, flat),
      classAttention({ resolution: 3 })(three, flat.mul(0)),
    )
  })

  test('takes a map that averages to 0 up to rounding for 0, and gives it no gradient', async () => {
    const s = tensor(
      [
        [0.1, 0.3, 0.1, 0.3],
        [0.2, -0.6, 0.2, -0.6],
        [0.1, 0.3, 0.1, 0.3],
        [0.2, -0.6, 0.2, -0.6],
      ].flat(),
      [1, 1, 4, 4],
    )
    const y = classAttention()(s, tensor([1, 0, 0, 0], [1, 1, 2, 2]))
    await same(y, 0.25)
    expect(await grad(y, [s])[0]!.data()).toSatisfy((g: Float64Array) => g.every((x) => x === 0))
  })
})

// What the contract checks with the defaults, with other settings.
describe.each<readonly [name: string, loss: AnyLoss, params: Settings]>([
  ['catkd, as it is', catkd, { normalize: false }],
  ['catkd, binarised', catkd, { binarize: true }],
  ['simkd, as wide as the teacher', simkd, { factor: 1 }],
])('%s', (_, loss, params) => {
  test('has the right gradient', () =>
    fc.assert(fc.asyncProperty(distillBatch(), (batch: DistillBatch) => checkLoss(loss, batch, { params }))))

  test('stays finite', () =>
    fc.assert(
      fc.asyncProperty(
        distillBatch({ largest: 1e4, largestFeature: 100, degenerate: true }),
        async (batch: DistillBatch) => {
          expect(await checkFinite(loss, batch, { params })).toBeLessThan(sensible(loss.id))
        },
      ),
    ))
})

/** Bad input and the whole sentence that answers it. */
test.each<readonly [call: () => unknown, name: string, message: string]>([
  [
    () => simkd.prepare(batchOf(map(2, 3, 2, 2), map(2, 5, 2, 2)), { factor: 6 }),
    'ValueError',
    'simkd: the projector would have no channels, got factor = 6 for 5 channels of the teacher. Make factor smaller.',
  ],
  [
    () => {
      const vector = sideOf([map(2, 3)])
      return srrl.prepare(
        { student: vector, teacher: vector, teacherClassifier: classifier },
        { layers: 'f0' },
      )
    },
    'ShapeError',
    'srrl: it compares maps [N, C, H, W], got f0 [2, 3] and f0 [2, 3]. Choose other layers.',
  ],
  [
    () => classAttention()(map(2, 3, 2, 2), map(2, 4, 2, 2)),
    'ShapeError',
    'catkd: the class activation maps do not fit, got [2, 3, 2, 2] and [2, 4, 2, 2]. Give [N, classes, H, W] of the same samples and classes.',
  ],
  [
    () => classAttention({ resolution: 1 })(map(2, 3, 2, 2), map(2, 3, 2, 2)),
    'ShapeError',
    'catkd: a map of one position has no attention to transfer, got [2, 3, 2, 2] and [2, 3, 2, 2] at resolution 1. Use larger maps, or set normalize to false.',
  ],
])('%s gives a %s', (call, name, message) => {
  expect(thrownBy(call)).toMatchObject({ name, message })
})
