import fc from 'fast-check'
import { describe, test } from 'vitest'
import { cat, cdist, normalize, smoothL1Loss, type Tensor, tensor } from '../../src/index.ts'
import { type Batch, cc, ickd, nst, pkt, rkd, type Settings, sp } from '../../src/losses/index.ts'
import { allowed, factor, maps, mirror, type Pair, reflection, same, vectors } from '../support/features.ts'
import { featuresBatch } from '../support/methods/call.ts'

// Losses on relations: invariants of section 8 of the specification, closed forms, and what ties them to each other.

const layers = 'f0'
const of = (loss: (batch: Batch, params: { layers: string }) => Tensor) => (s: Tensor, t: Tensor) =>
  loss(featuresBatch([s], [t]), { layers })
const ownOf =
  (loss: typeof cc | typeof ickd, params: Settings) =>
  (s: Tensor, t: Tensor): Tensor => {
    const batch = featuresBatch([s], [t])
    return loss.prepare(batch, { layers, ...params })(batch)
  }

const distance = of((batch, params) => rkd(batch, { distanceWeight: 1, angleWeight: 0, ...params }))
const angle = of((batch, params) => rkd(batch, { distanceWeight: 0, angleWeight: 1, ...params }))
const channels = ownOf(ickd, { adapter: false })
const samples = of(sp)
/** All but without the eps, which feels the scale. */
const probabilities = of((batch, params) => pkt(batch, { eps: 1e-14, ...params }))
const congruence = (params: Settings) => ownOf(cc, params)

/** A property of pairs; the mirror makes an orthogonal matrix of any size. */
const check = (
  pairs: fc.Arbitrary<Pair>,
  property: (pair: Pair, orthogonal: (d: number) => Tensor, scale: number) => Promise<void>,
) =>
  fc.assert(
    fc.asyncProperty(pairs, mirror, factor, (pair, v, scale) =>
      property(pair, (d) => reflection(d, v), scale),
    ),
  )

/** The first `n` unit vectors. */
const orthogonal = (n: number): Tensor =>
  tensor(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j))))
/** The same vector n times. */
const equal = (n: number): Tensor => tensor(Array.from({ length: n }, () => [3, -4]))

describe('scale of the student', () => {
  test.each([
    ['rkd, distance', distance, vectors()],
    ['rkd, angle', angle, vectors()],
    ['ickd', channels, maps({ sameChannels: true })],
    ['sp', samples, vectors()],
    ['sp of maps', samples, maps()],
    ['nst', of(nst), maps()],
    ['cc', congruence({}), vectors()],
    ['cc, bilinear', congruence({ kernel: 'bilinear' }), vectors()],
  ] as const)('leaves %s as it is', (_, loss, pairs) =>
    check(pairs, ({ s, t }, __, scale) => same(loss(s.mul(scale), t), loss(s, t))),
  )

  test('of each sample leaves pkt as it is', () =>
    check(vectors(), async ({ s, t }, _, scale) => {
      const [n] = s.shape as [number]
      const scales = tensor(Array.from({ length: n }, (_, i) => [i === 0 ? scale : 1 + i / 4]))
      await same(probabilities(s.mul(scales), t), probabilities(s, t))
    }))

  test('of each channel leaves nst as it is', () =>
    check(maps(), async ({ s, t }, _, scale) => {
      const c = s.shape[1]!
      const scales = tensor(
        Array.from({ length: c }, (_, i) => (i === 0 ? scale : 1 + i / 4)),
        [c, 1, 1],
      )
      await same(of(nst)(s.mul(scales), t), of(nst)(s, t))
    }))
})

describe('rotation and translation of the student', () => {
  test.each([
    ['rkd, distance', distance],
    ['rkd, angle', angle],
    ['sp', samples],
    ['pkt', of(pkt)],
    ['cc', congruence({})],
  ] as const)('by an orthogonal matrix leaves %s as it is', (_, loss) =>
    check(vectors(), ({ s, t }, turn) => same(loss(s.matmul(turn(s.shape[1]!)), t), loss(s, t))),
  )

  test.each([
    ['distance', distance],
    ['angle', angle],
  ] as const)('by a vector leaves rkd, %s, as it is', (_, loss) =>
    check(vectors(), async ({ s, t }) => {
      const moved = s.add(tensor(Array.from({ length: s.shape[1]! }, (_, k) => k - 1.5)))
      await same(loss(moved, t), loss(s, t))
    }),
  )
})

describe('order of positions in both maps', () => {
  test.each([
    ['ickd', channels],
    ['nst', of(nst)],
  ] as const)('does not matter to %s', (_, loss) =>
    check(maps({ sameChannels: true }), ({ s, t }) => same(loss(s.flip([2, 3]), t.flip([2, 3])), loss(s, t))),
  )

  test('does not matter to ickd in the student alone, also behind its adapter', () =>
    check(maps(), async ({ s, t }) => {
      const loss = ownOf(ickd, {})
      await same(loss(s.flip([2, 3]), t), loss(s, t), allowed * 10)
    }))
})

describe('rkd', () => {
  const line = tensor([[0], [1], [3]])
  const triangle = tensor([
    [0, 0],
    [1, 0],
    [0.5, Math.sqrt(3) / 2],
  ])

  test('of three points on a line and a triangle of equal sides', async () => {
    // Distances 1/2, 3/2, 1 against 1, 1, 1: smooth L1 of 1/2 four times. Cosines 1, -1, 1 against 1/2.
    await same(distance(line, triangle), (4 * 0.125) / 9)
    await same(angle(line, triangle), (2 * (0.125 + 1 + 0.125)) / 27)
  })

  test('is the smooth L1 of cdist over its mean', () =>
    check(vectors(), async ({ s, t }) => {
      const [n] = s.shape as [number]
      const relative = (x: Tensor) => {
        const d = cdist(x, x)
        return d.div(d.sum().div(n * (n - 1)))
      }
      await same(distance(s, t), smoothL1Loss(relative(s), relative(t)))
    }))

  test('is the weighted sum of its parts', () =>
    check(vectors(), async ({ s, t }) => {
      await same(of(rkd)(s, t), distance(s, t).mul(25).add(angle(s, t).mul(50)))
    }))

  test('is 0 for two samples', () =>
    check(vectors(), async ({ s, t }) => {
      const two = (x: Tensor) => x.slice([[0, 2]])
      await same(of(rkd)(two(s), two(t)), 0)
    }))
})

describe('ickd', () => {
  test('of orthogonal channels against equal ones is 2 - 2 / sqrt(C)', async () => {
    const c = 4
    const map = (x: Tensor) => x.reshape([1, c, 1, x.shape[1]!])
    await same(channels(map(orthogonal(c)), map(equal(c))), 2 - 2 / Math.sqrt(c))
  })

  test('of one sample is C times sp of its channels', () =>
    check(maps({ sameChannels: true }), async ({ s, t }) => {
      const first = (x: Tensor) => x.slice([[0, 1]])
      const rows = (x: Tensor) => first(x).flatten(2).squeeze(0)
      const c = s.shape[1]!
      // One row has no relation to another: sp leaves it out, and its 1x1 correlations are equal.
      await same(channels(first(s), first(t)), samples(rows(s), rows(t)).mul(c))
    }))
})

describe('sp', () => {
  test('of orthogonal samples against equal ones is (2 - 2 / sqrt(N)) / N', async () => {
    const n = 4
    await same(samples(orthogonal(n), equal(n)), (2 - 2 / Math.sqrt(n)) / n)
  })

  test('is cc, bilinear, of samples whose rows of products have length 1 already', () =>
    check(vectors({ sameWidth: true }), async ({ s, t }) => {
      // All shifts of one vector: every row of products has the same numbers in another order.
      const shifts = (x: Tensor) => {
        const row = x.slice([[0, 1]])
        return cat(Array.from({ length: row.shape[1]! }, (_, k) => row.roll(k, 1)))
      }
      const scaled = (x: Tensor) => x.div(x.matmul(x.transpose()).norm(2, 1, true).sqrt())
      const [a, b] = [scaled(shifts(s)), scaled(shifts(t))]
      await same(samples(a, b), congruence({ kernel: 'bilinear', normalize: false })(a, b))
    }))

  test('sums over its layers', () =>
    check(maps(), async ({ s, t }) => {
      const [a, b] = [s.flatten(1), t.flatten(1)]
      const both = sp(featuresBatch([s, b], [t, a]), { layers: 'f0,f1' })
      await same(both, samples(s, t).add(samples(b, a)))
    }))
})

describe('cc', () => {
  const near = (params: Settings) => congruence({ gamma: 0.4, ...params })

  test('tends to exp(-gamma |x - y|²) as the series grows', () =>
    check(vectors(), async ({ s, t }) => {
      const exact = (x: Tensor) => cdist(normalize(x), normalize(x)).square().mul(-0.4).exp()
      const wanted = exact(s).sub(exact(t)).square().mean()
      await same(near({ kernel: 'rbf-exact' })(s, t), wanted)
      await same(near({ order: 14 })(s, t), wanted)
    }))

  test('of order 1 is the bilinear one times (2 gamma exp(-2 gamma))²', () =>
    check(vectors(), async ({ s, t }) => {
      const slope = 0.8 * Math.exp(-0.8)
      await same(near({ order: 1 })(s, t), congruence({ kernel: 'bilinear' })(s, t).mul(slope ** 2))
    }))

  test('by mmd compares the distances of the means', () =>
    check(vectors(), async ({ s, t }) => {
      const means = (x: Tensor) => x.mean(1, true)
      const d = (x: Tensor) => cdist(means(x), means(x))
      await same(congruence({ kernel: 'mmd' })(s, t), d(s).sub(d(t)).square().mean())
    }))

  test('by neighbours is the product of the errors of two samples, and the mean over more', () =>
    check(vectors({ sameWidth: true }), async ({ s, t }) => {
      const loss = congruence({ kernel: 'neighbour', embedding: 'none' })
      const errors = (await s.sub(t).abs().toArray()) as number[][]
      const products = errors.slice(1).map((row, i) => row.reduce((sum, x, k) => sum + x * errors[i]![k]!, 0))
      await same(loss(s, t), products.reduce((a, b) => a + b) / products.length)
    }))
})

describe('pkt', () => {
  test('of orthogonal samples against equal ones', async () => {
    const n = 4
    // p_t = 1 / N throughout; p_s = 2 / (N + 1) on the diagonal and 1 / (N + 1) beside it.
    const wanted = (Math.log((n + 1) / (2 * n)) + (n - 1) * Math.log((n + 1) / n)) / n ** 2
    await same(probabilities(orthogonal(n), equal(n)), wanted)
  })

  test('is 0 where all cosines are equal', () =>
    check(vectors(), async ({ s }, turn, scale) => {
      const alike = s.mul(scale).matmul(turn(s.shape[1]!))
      await same(probabilities(s, alike), 0)
    }))
})

describe('nst', () => {
  test('compares what the channels say of every two positions', () =>
    check(maps(), async ({ s, t }) => {
      // The mean of (a_i · b_j)² is the inner product of the means of a_i a_iᵀ and b_j b_jᵀ, [H · W, H · W].
      const positions = (x: Tensor) => {
        const unit = normalize(x.flatten(2), { dim: 2 })
        return unit.transpose().matmul(unit).div(x.shape[1]!)
      }
      const wanted = positions(s).sub(positions(t)).square().sum([1, 2]).mean()
      await same(of(nst)(s, t), wanted)
    }))

  test('of orthogonal channels against equal ones is 1 - 1 / C', async () => {
    // k(t, t) = 1, k(s, s) = 1 / C, and each of the C unit vectors meets a share of the same unit vector: k(s, t) = 1 / C.
    const c = 4
    const unit = tensor(Array.from({ length: c }, () => [1, 2, -2, 4]))
    const map = (x: Tensor) => x.reshape([1, c, 2, 2])
    await same(of(nst)(map(orthogonal(c)), map(unit)), 1 - 1 / c)
  })
})
