import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ValueError } from '../src/errors.ts'
import { normalQuantile, philox4x32, Random } from '../src/random.ts'

const seeds = fc.maxSafeInteger()
const PINNED = {
  uniforms: [0.8902591729757107, 0.5857259483801359, 0.6719982688953429],
  normals: [-0.06121692363180966, -0.6826896920301103, 0.5625510176776755],
  permutation: [6, 4, 7, 2, 3, 0, 5, 1],
  byText: 0.16171240837680168,
  byNumber: 0.640898634585343,
}
const words = (text: string): number[] => text.split(' ').map((word) => Number.parseInt(word, 16))

// Random123's kat_vectors, "philox4x32 10": counter, key, expected.
test.each([
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
])('Philox-4x32-10 gives the known answer for counter %s', (counter, key, expected) => {
  const [c0, c1, c2, c3] = words(counter) as [number, number, number, number]
  const [k0, k1] = words(key) as [number, number]
  const out = new Int32Array(4)
  philox4x32(out, c0, c1, c2, c3, k0, k1)
  expect([...out].map((word) => word >>> 0)).toEqual(words(expected))
})

test('a stream is Philox at counters 0, 1, 2, ...: two words a number, 53 bits of them', () => {
  const [w0, w1, w2, w3] = words('6627e8d5 e169c58d bc57ac4c 9b00dbd8') as [number, number, number, number]
  const fraction = (high: number, low: number): number => (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
  expect([...new Random(0).uniforms(2)]).toEqual([fraction(w0, w1), fraction(w2, w3)])
  expect(new Random(0).integer(2 ** 32)).toBe(w0)
})

// Pinned: another engine or platform that gives other bits here breaks every recorded result.
test('the numbers of seed 1 never change', () => {
  const random = new Random(1)
  expect([...random.uniforms(3)]).toEqual(PINNED.uniforms)
  expect([...random.normals(3)]).toEqual(PINNED.normals)
  expect([...random.permutation(8)]).toEqual(PINNED.permutation)
  expect(random.fork('weights').uniform()).toBe(PINNED.byText)
  expect(random.fork(7).uniform()).toBe(PINNED.byNumber)
})

describe('order of drawing', () => {
  test('n at once are n one by one', () => {
    fc.assert(
      fc.property(seeds, fc.nat(50), (seed, n) => {
        const [atOnce, single] = [new Random(seed), new Random(seed)]
        expect([...atOnce.uniforms(n)]).toEqual(Array.from({ length: n }, () => single.uniform()))
        expect([...atOnce.normals(n, 2, 3)]).toEqual(Array.from({ length: n }, () => single.normal(2, 3)))
        expect(atOnce.state).toEqual(single.state)
      }),
    )
  })

  test('a restored generator goes on from the same place, also through JSON', () => {
    fc.assert(
      fc.property(seeds, fc.nat(9), (seed, drawn) => {
        const random = new Random(seed)
        random.uniforms(drawn)
        const restored = Random.restore(JSON.parse(JSON.stringify(random.state)))
        expect(restored.uniforms(5)).toEqual(random.uniforms(5))
        expect(restored.fork('x').uniform()).toBe(random.fork('x').uniform())
      }),
    )
  })

  test('restoring skips ahead without drawing, beyond 2^33 numbers too', () => {
    const { key } = new Random(3).state
    const far = Random.restore({ key, counter: 2 ** 34 + 1 })
    const near = Random.restore({ key, counter: 1 })
    expect(far.uniform()).not.toBe(near.uniform())
    expect(far.state.counter).toBe(2 ** 34 + 2)
  })

  test('a fork takes nothing and depends on its label alone', () => {
    fc.assert(
      fc.property(seeds, fc.oneof(fc.string(), fc.maxSafeInteger()), fc.nat(9), (seed, label, drawn) => {
        const random = new Random(seed)
        const early = random.fork(label).uniform()
        expect(random.state.counter).toBe(0)
        random.uniforms(drawn)
        expect(random.fork(label).uniform()).toBe(early)
      }),
    )
  })

  test('different labels, and forks of forks, are different streams', () => {
    const random = new Random(0)
    const labels = [
      '',
      '\0',
      '\0\0',
      'a',
      'a\0',
      'abcd',
      'abcdabcd',
      'b',
      '0',
      '1',
      0,
      1,
      -1,
      2 ** 32,
      2 ** 40,
    ]
    const streams = [...labels.map((label) => random.fork(label)), random, random.fork('abcd').fork('abcd')]
    expect(new Set(streams.map((stream) => stream.uniform())).size).toBe(streams.length)
    const many = Array.from({ length: 20_000 }, (_, i) => random.fork(i).integer(2 ** 32))
    // Chance collisions of 20,000 words: 0.05 expected.
    expect(new Set(many).size).toBeGreaterThan(19_997)
  })

  test('seeds that differ in one bit anywhere are different streams', () => {
    const first = [0, ...Array.from({ length: 53 }, (_, bit) => 2 ** bit), -1].map((s) =>
      new Random(Math.min(s, Number.MAX_SAFE_INTEGER)).uniform(),
    )
    expect(new Set(first).size).toBe(first.length)
  })
})

describe('distributions', () => {
  const n = 200_000

  test('uniforms have the moments of U(low, high), stay inside and do not repeat', () => {
    const u = new Random(5).uniforms(n, -1, 3)
    const { mean, variance } = moments(u)
    expect(Math.abs(mean - 1)).toBeLessThan(5 * Math.sqrt(16 / 12 / n))
    expect(Math.abs(variance / (16 / 12) - 1)).toBeLessThan(0.01)
    expect(u.every((v) => v >= -1 && v < 3)).toBe(true)
    expect(new Set(u).size).toBe(n)
  })

  test('neighbours, and the streams of neighbouring seeds and forks, do not correlate', () => {
    const a = new Random(0).uniforms(n)
    const limit = 5 / Math.sqrt(n)
    expect(Math.abs(correlation(a.subarray(1), a.subarray(0, -1)))).toBeLessThan(limit)
    expect(Math.abs(correlation(a, new Random(1).uniforms(n)))).toBeLessThan(limit)
    expect(Math.abs(correlation(a, new Random(0).fork(0).uniforms(n)))).toBeLessThan(limit)
  })

  test('normals have the first four moments and the tails of N(mean, std)', () => {
    const z = new Random(6).normals(n)
    const { mean, variance } = moments(z)
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n))
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n))
    expect(Math.abs(moments(z.map((v) => v ** 3)).mean)).toBeLessThan(5 * Math.sqrt(15 / n))
    expect(Math.abs(moments(z.map((v) => v ** 4)).mean - 3)).toBeLessThan(5 * Math.sqrt(96 / n))
    expect(z.filter((v) => Math.abs(v) > 3).length / n).toBeCloseTo(0.0027, 3)
    expect(new Random(6).normals(4, 10, 2)).toEqual(z.slice(0, 4).map((v) => 10 + 2 * v))
    expect([...new Random(6).normals(2, 4, 0)]).toEqual([4, 4])
  })

  // Reference values: R's qnorm.
  test.each([
    [0.5, 0],
    [0.6, 0.2533471031357997],
    [0.975, 1.959963984540054],
    [0.025, -1.959963984540054],
    [1e-5, -4.264890793922825],
    [1e-10, -6.361340902404056],
    [1e-15, -7.941345326170998],
  ])('the normal quantile of %d is %d', (p, z) => {
    expect(Math.abs(normalQuantile(p) - z)).toBeLessThanOrEqual(4e-15 * Math.max(1, Math.abs(z)))
  })

  test('every value of integer(n) is as likely, and none lies outside', () => {
    const random = new Random(7)
    const counts = new Array<number>(6).fill(0)
    for (let i = 0; i < 60_000; i++) counts[random.integer(6)]!++
    // Chi-square of 5 degrees of freedom: 25.7 is passed once in 10,000.
    expect(counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0)).toBeLessThan(25.7)
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 2 ** 32 }), (seed, most) => {
        const drawn = new Random(seed).integer(most)
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < most).toBe(true)
      }),
    )
  })

  test('integer rejects instead of favouring small values', () => {
    // Of 2^32 words, those from 3 * 2^30 on are rejected: a plain remainder would give the low third half the time.
    const random = new Random(8)
    const most = 3 * 2 ** 30
    const low = Array.from({ length: 30_000 }, () => random.integer(most)).filter((v) => v < most / 3).length
    expect(Math.abs(low / 30_000 - 1 / 3)).toBeLessThan(0.015)
    expect(random.state.counter).toBeGreaterThan(35_000)
  })

  test('a permutation holds every number once', () => {
    fc.assert(
      fc.property(seeds, fc.nat(200), (seed, n) => {
        const sorted = new Random(seed).permutation(n).toSorted()
        expect([...sorted]).toEqual(Array.from({ length: n }, (_, i) => i))
      }),
    )
  })

  test('all six orders of three are as likely', () => {
    const random = new Random(9)
    const counts = new Map<string, number>()
    for (let i = 0; i < 12_000; i++) {
      const order = random.permutation(3).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    expect([...counts.values()].reduce((sum, c) => sum + (c - 2000) ** 2 / 2000, 0)).toBeLessThan(25.7)
  })

  test('bernoulli gives 1 as often as p says', () => {
    const ones = new Random(10).bernoulli(n, 0.3)
    expect(ones).toBeInstanceOf(Float32Array)
    expect(ones.every((v) => v === 0 || v === 1)).toBe(true)
    expect(Math.abs(moments(ones).mean - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / n))
    expect([...new Random(1).bernoulli(3, 0)]).toEqual([0, 0, 0])
    expect([...new Random(1).bernoulli(3, 1)]).toEqual([1, 1, 1])
  })
})

test.each<[string, () => unknown, string]>([
  ['seed', () => new Random(1.5), 'Random: the seed must be a whole number, got 1.5. Use one such as 0.'],
  [
    'label',
    () => new Random(0).fork(0.1),
    'Random.fork: a number that names a stream must be whole, got 0.1. Use text or 0, 1, 2.',
  ],
  [
    'state',
    () => Random.restore({ key: [0, -1], counter: 0 }),
    'Random.restore: this is no state of a generator, got {"key":[0,-1],"counter":0}. Pass what `state` gave.',
  ],
  [
    'no state',
    () => Random.restore(JSON.parse('null')),
    'Random.restore: this is no state of a generator, got null. Pass what `state` gave.',
  ],
  [
    'count',
    () => new Random(0).uniforms(-1),
    'Random.uniforms: the count must be a whole number of at least 0, got -1. Pass how many to draw.',
  ],
  [
    'bounds',
    () => new Random(0).uniforms(1, 2, 1),
    'Random.uniforms: low must not exceed high, got 2 and 1. Pass finite bounds in order.',
  ],
  [
    'deviation',
    () => new Random(0).normal(0, -1),
    'Random.normal: mean and std must be finite and std not negative, got 0 and -1. Check both.',
  ],
  [
    'integer',
    () => new Random(0).integer(0),
    'Random.integer: n must be a whole number from 1 to 2^32, got 0. Pass how many values there are.',
  ],
  [
    'probability',
    () => new Random(0).bernoulli(1, Number.NaN),
    'Random.bernoulli: a probability lies between 0 and 1, got NaN. Check p.',
  ],
])('a wrong %s is refused', (_, run, message) => {
  expect(run).toThrow(new ValueError(message))
})

function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  const all = Array.from(values)
  const mean = all.reduce((sum, v) => sum + v, 0) / all.length
  return { mean, variance: all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length }
}

function correlation(a: Float64Array, b: Float64Array): number {
  const [ma, mb] = [moments(a), moments(b)]
  const covariance = a.reduce((sum, v, i) => sum + (v - ma.mean) * (b[i]! - mb.mean), 0) / a.length
  return covariance / Math.sqrt(ma.variance * mb.variance)
}
