import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkLoss, distillBatch } from '../../src/check/index.ts'
import { cat, grad, ones, type Tensor, tensor, zeros } from '../../src/index.ts'
import { type Batch, cc, ickd, nst, pkt, rkd, type Settings, sp } from '../../src/losses/index.ts'
import { maps, same, vectors } from '../support/features.ts'
import { featuresBatch } from '../support/methods/call.ts'
import { expectGolden, onDevice } from '../support/same.ts'
import { thrownBy } from '../support/thrown.ts'

// Losses on relations between samples or channels: golden values, what is 0, what is refused.

const named = (loss: (batch: Batch, params: { layers: string }) => Tensor) => (s: Tensor, t: Tensor) =>
  loss(featuresBatch([s], [t]), { layers: 'f0' })
const prepared =
  (loss: typeof cc | typeof ickd, params: Settings = {}) =>
  (s: Tensor, t: Tensor) => {
    const batch = featuresBatch([s], [t])
    return loss.prepare(batch, { layers: 'f0', ...params })(batch)
  }
const rkdOf = (distanceWeight: number, angleWeight: number) =>
  named((batch, params) => rkd(batch, { distanceWeight, angleWeight, ...params }))
const neighbours = prepared(cc, { kernel: 'neighbour', embedding: 'none' })

describe('golden values of the specification, section 7', () => {
  const values = (shape: readonly number[], f: (i: number) => number) =>
    tensor(
      Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => f(i)),
      shape,
    )
  const vector = {
    s: values([4, 6], (i) => Math.sin(0.3 + 0.61 * i)),
    t: values([4, 6], (i) => Math.cos(0.2 + 0.47 * i)),
  }
  const map = {
    s: values([2, 3, 4, 4], (i) => Math.sin(0.1 + 0.23 * i)),
    t: values([2, 3, 4, 4], (i) => Math.cos(0.4 + 0.31 * i)),
  }
  const bilinear = { kernel: 'bilinear' }
  test.each([
    ['rkd, distance', rkdOf(1, 0), vector, 0.00826688835802, 0.0264403759484, -0.00958081372891],
    ['rkd, angle', rkdOf(0, 1), vector, 0.00274446990222, 0.0128857551918, -0.00333974393],
    ['rkd', named(rkd), vector, 0.343895704061, 1.18861125675, -0.406507539723],
    ['ickd', prepared(ickd, { adapter: false }), map, 1.5288746778, 0.270922793762, 0.0467610798312],
    ['cc', prepared(cc), vector, 0.00644259586915, 0.0236164122679, -0.00835103110726],
    [
      'cc, bilinear as it is',
      prepared(cc, { ...bilinear, normalize: false }),
      vector,
      0.354129361789,
      1.29383258707,
      -0.544359875209,
    ],
    ['cc, bilinear', prepared(cc, bilinear), vector, 0.0441374034581, 0.15138715349, -0.0586138060991],
    ['cc, neighbour', neighbours, vector, 1.18695736992, 1.34434496337, -0.0875194519555],
    ['sp', named(sp), map, 0.142754493738, 0.148361683461, -0.0211553958279],
    ['pkt', named(pkt), vector, 0.0073547207391, 0.0215386315432, -0.00851127648343],
    ['nst', named(nst), map, 0.373865427474, 0.172958771209, 0.0567092178896],
  ] as const)('%s', async (_, loss, { s, t }, value, norm, first) => {
    await expectGolden(loss(s, t), s, [value, norm, first], onDevice(1e-10, 2e-5))
  })
})

const onVectors = [
  ['rkd', named(rkd)],
  ...cc.parameters.kernel!.choices!.map(
    (kernel) => [`cc, ${kernel}`, prepared(cc, { kernel, embedding: 'none' })] as const,
  ),
  ['cc, bilinear as it is', prepared(cc, { kernel: 'bilinear', normalize: false })],
  ['sp', named(sp)],
  // Its eps moves the place of the minimum.
  ['pkt', named((batch, params) => pkt(batch, { eps: 1e-14, ...params }))],
] as const
const onMaps = [
  ['ickd', prepared(ickd, { adapter: false })],
  ['nst', named(nst)],
  ['rkd, of maps', named(rkd)],
  ['sp, of maps', named(sp)],
] as const

describe.each([
  ...onVectors.map((entry) => [...entry, vectors()] as const),
  ...onMaps.map((entry) => [...entry, maps()] as const),
])('%s', (_, loss, pairs) => {
  test('is 0 with gradient 0 where the student equals the teacher', () =>
    fc.assert(
      fc.asyncProperty(pairs, async ({ s }) => {
        const y = loss(s, s.detach())
        await same(y, 0)
        await same(grad(y, [s])[0]!, zeros(s.shape))
      }),
    ))
})

describe.each(onVectors)('%s', (_, loss) => {
  test.each([
    ['any', [[1, -2, 0.5]]],
    ['one that is 0', [[0, 0, 0]]],
  ])('is exactly 0 for one sample, %s', async (_, rows) => {
    const s = tensor(rows)
    const y = loss(s, tensor([[0.25, 3, -1]]))
    expect(await y.item()).toBe(0)
    expect(Array.from(await grad(y, [s])[0]!.data(), Math.abs)).toEqual([0, 0, 0])
  })
})

test('cc has the right gradient with every kernel', async () => {
  for (const kernel of ['rbf-exact', 'bilinear', 'mmd', 'neighbour'])
    for (const embedding of ['linear', ...(kernel === 'neighbour' ? [] : ['none'])])
      await fc.assert(
        fc.asyncProperty(distillBatch(), (batch) =>
          checkLoss(cc, batch, { params: { kernel, embedding, dim: 3 } }),
        ),
        { numRuns: 5 },
      )
})

test('equal samples in all but rounding get no gradient from rkd', async () => {
  const nudged = tensor([
    [1, 2, -1],
    [1 + 2 ** -22, 2, -1],
    [-0.5, 0.25, 3],
  ])
  const teacher = tensor([
    [1, 0],
    [0, 1],
    [2, 2],
  ])
  const y = named(rkd)(nudged, teacher)
  const largest = grad(y, [nudged])[0]!.abs().amax()
  expect(await largest.item()).toBeLessThan(100)
})

test('pkt is finite for samples that point in opposite directions, however their cosine is rounded', () =>
  fc.assert(
    fc.asyncProperty(vectors(), async ({ s, t }) => {
      const one = s.slice([[0, 1]])
      const opposite = cat([one, one.mul(-3)])
      const y = pkt(featuresBatch([opposite], [t.slice([[0, 2]])]), { eps: 1e-16 })
      expect(await y.item()).toSatisfy(Number.isFinite)
      expect(await grad(y, [s])[0]!.data()).toSatisfy((g: Float64Array) => g.every(Number.isFinite))
    }),
  ))

describe('adapters', () => {
  const batch = featuresBatch([ones([2, 3, 2, 2])], [ones([2, 5, 4, 4])])
  const shapes = (loss: { prepare: typeof cc.prepare }, params: Settings) =>
    Array.from(loss.prepare(batch, params).own.namedParameters(), ([name, { shape }]) => [name, shape])

  test('of ickd lead to the channels of the teacher, or are none', () => {
    expect(shapes(ickd, {})).toEqual([
      ['layer1.conv1.weight', [5, 3, 1, 1]],
      ['layer1.bn1.weight', [5]],
      ['layer1.bn1.bias', [5]],
    ])
    expect(
      ickd
        .prepare(featuresBatch([ones([2, 3, 2, 2])], [ones([2, 3, 1, 1])]), { adapter: false })
        .own.namedParameters().size,
    ).toBe(0)
  })

  test('of cc are those that each kernel is published with, or those asked for', () => {
    const linear = (dim: number) => [
      ['student1.weight', [dim, 3]],
      ['student1.bias', [dim]],
      ['teacher1.weight', [dim, 5]],
      ['teacher1.bias', [dim]],
    ]
    expect(shapes(cc, {})).toEqual([])
    expect(shapes(cc, { kernel: 'neighbour' })).toEqual(linear(128))
    expect(shapes(cc, { embedding: 'linear', dim: 7 })).toEqual(linear(7))
  })
})

const [rows4, rows5] = [ones([4, 3]), ones([5, 3])]
const differentRows = {
  student: { logits: zeros([4, 2]), taps: { f0: rows4 } },
  teacher: { logits: zeros([4, 2]), taps: { f0: rows5 } },
}
const wide = featuresBatch([rows4], [ones([4, 7])])
const twoMaps = (s: readonly number[], t: readonly number[]) => featuresBatch([ones(s)], [ones(t)])

test.each([
  [
    () => rkd(differentRows, { layers: 'f0' }),
    'ShapeError',
    'rkd: it compares samples [N, ...], got f0 [4, 3] and f0 [5, 3]. Choose layers that have one row per sample.',
  ],
  [
    () =>
      sp({ ...differentRows, teacher: { logits: zeros([4, 2]), taps: { f0: ones([4]) } } }, { layers: 'f0' }),
    'ShapeError',
    'sp: it compares samples [N, ...], got f0 [4, 3] and f0 [4]. Choose layers that have one row per sample.',
  ],
  [
    () => ickd.prepare(twoMaps([2, 3, 2, 2], [2, 4, 2, 2]), { adapter: false }),
    'ShapeError',
    'ickd: without the adapter both maps need the same channels, got f0 [2, 3, 2, 2] and f0 [2, 4, 2, 2]. Set adapter to true, or choose other layers.',
  ],
  [
    () => ickd.prepare(wide, { layers: 'f0' }),
    'ShapeError',
    'ickd: it compares maps [N, C, H, W], got f0 [4, 3] and f0 [4, 7]. Choose other layers.',
  ],
  [
    () => cc.prepare(wide, { kernel: 'neighbour', embedding: 'none' }),
    'ShapeError',
    'cc: the kernel neighbour compares features of one width, got f0 [4, 3] and f0 [4, 7]. Set embedding to linear.',
  ],
  [
    () => cc.prepare(wide, { normalize: false }),
    'ValueError',
    'cc: the kernel rbf is for rows of length 1, got normalize false. Leave it true, or choose the kernel bilinear.',
  ],
  [
    () => cc.prepare(wide, { kernel: 'rbf-exact', normalize: false }),
    'ValueError',
    'cc: the kernel rbf-exact is for rows of length 1, got normalize false. Leave it true, or choose the kernel bilinear.',
  ],
  [
    () => nst(twoMaps([2, 3, 1, 1], [2, 4, 2, 2])),
    'ShapeError',
    'nst: a map of one position has no selectivity to transfer, got f0 [2, 3, 1, 1] and f0 [2, 4, 2, 2]. Choose layers with larger maps.',
  ],
  [
    () => nst(wide, { layers: 'f0' }),
    'ShapeError',
    'nst: it compares maps [N, C, H, W], got f0 [4, 3] and f0 [4, 7]. Choose other layers.',
  ],
])('%s gives a %s', (call, name, message) => {
  expect(thrownBy(call)).toMatchObject({ name, message })
})
