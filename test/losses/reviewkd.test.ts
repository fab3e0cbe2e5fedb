import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad, type Tensor, tensor } from '../../src/index.ts'
import { type Prepared, reviewkd } from '../../src/losses/index.ts'
import { Abf, reviewed } from '../../src/losses/parts/abf.ts'
import { hcl } from '../../src/losses/parts/hcl.ts'
import { Random } from '../../src/random.ts'
import { type Shape, sizeOf } from '../../src/shape.ts'
import { testDevice } from '../setup.ts'
import { thrownBy } from '../support/thrown.ts'

const exact = testDevice === 'reference'

const near = async (got: Tensor, wanted: number, allowed = exact ? 1e-10 : 1e-5) =>
  expect(Math.abs((await got.item()) - wanted)).toBeLessThanOrEqual(
    allowed * Math.max(1e-3, Math.abs(wanted)),
  )

const filled = (shape: Shape, f: (i: number) => number): Tensor =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => f(i)),
    shape,
  )

describe('hcl', () => {
  const golden: readonly (readonly [side: number, number[], value: number, norm: number, first: number])[] = [
    [8, [0.1, 0.13, 0.4, 0.17], 0.805601976208, 0.0796396659631, -0.00145217107779],
    [4, [0.1, 0.23, 0.4, 0.31], 0.879659554402, 0.174198065736, -0.00612152418385],
    [1, [0.5, 0.9, 0.5, 0.8], 0.605209387767, 0.635195186678, -0.132719007762],
  ]

  test.each(golden)(
    'has the value of the published code for maps of size %i',
    async (side, k, value, norm, first) => {
      const [a, b, c, d] = k as [number, number, number, number]
      const student = filled([2, 3, side, side], (i) => Math.sin(a + b * i))
      const loss = hcl(
        student,
        filled([2, 3, side, side], (i) => Math.cos(c + d * i)),
      )
      await near(loss, value)
      const gradient = grad(loss, [student])[0]!
      await near(gradient.norm(), norm)
      await near(gradient.reshape([gradient.size]).slice([[0, 1]]), first)
    },
  )

  const sides = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))

  test('is d² where the maps differ by d everywhere, whatever their size', () =>
    fc.assert(
      fc.asyncProperty(sides, fc.integer({ min: -64, max: 64 }), async ([h, w], k) => {
        const teacher = filled([2, 3, h, w], (i) => Math.round(64 * Math.sin(i)) / 64)
        const d = k / 16
        await near(hcl(teacher.add(d), teacher), d * d)
      }),
    ))

  test('is 0 with gradient 0 where the maps are equal', () =>
    fc.assert(
      fc.asyncProperty(sides, async ([h, w]) => {
        const map = filled([2, 3, h, w], (i) => Math.sin(i))
        const loss = hcl(map, map.detach())
        expect(await loss.item()).toBe(0)
        expect((await grad(loss, [map])[0]!.data()).every((x) => Math.abs(x) === 0)).toBe(true)
      }),
    ))

  test('is the mean squared difference of 1x1 maps', async () => {
    const [s, t] = [filled([3, 2, 1, 1], Math.sin), filled([3, 2, 1, 1], Math.cos)]
    expect(await hcl(s, t).item()).toBe(await s.sub(t).square().mean().item())
  })
})

/** Two maps and a vector, shallow to deep, of these channels. */
const sideOf = (
  [a, b, c]: readonly [number, number, number],
  phase: number,
  n = 3,
): { logits: Tensor; features: Record<string, Tensor> } => ({
  logits: filled([n, 2], (i) => i),
  features: {
    stage1: filled([n, a, 6, 6], (i) => Math.sin(i + phase)),
    stage2: filled([n, b, 3, 3], (i) => Math.cos(2 * i + phase)),
    penultimate: filled([n, c], (i) => Math.sin(3 * i + phase)),
  },
})

/** Gives parts of the state, by name, these values. */
const set = (prepared: Prepared, values: Readonly<Record<string, Tensor>>) =>
  prepared.own.loadStateDict(new Map(Object.entries(values)), { strict: false })

/** Modules that leave a map as it is: identities, normalisation by mean 0 and variance 1, and attention to the map alone. */
function makeTransparent(prepared: Prepared, channels: number): void {
  const scale = filled([channels], () => Math.sqrt(1 + 1e-5))
  const identity = (kernel: number) =>
    filled([channels, channels, kernel, kernel], (i) => {
      const [pair, at] = [Math.floor(i / kernel ** 2), i % kernel ** 2]
      return pair % (channels + 1) === 0 && at === (kernel ** 2 - 1) / 2 ? 1 : 0
    })
  for (const level of ['level1', 'level2', 'level3'])
    set(prepared, {
      [`${level}.conv1.weight`]: identity(1),
      [`${level}.conv2.weight`]: identity(3),
      [`${level}.bn1.weight`]: scale,
      [`${level}.bn2.weight`]: scale,
      [`${level}.att.weight`]: filled([2, 2 * channels, 1, 1], () => 0),
      [`${level}.att.bias`]: tensor([1000, -1000]),
    })
  prepared.own.eval()
}

describe('reviewkd', () => {
  const widths = [4, 5, 6] as const

  test('is the sum of HCL over maps and pooled feature where the modules leave maps as they are', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 30 }), async (n, phase) => {
        const batch = { student: sideOf([4, 4, 4], phase, n), teacher: sideOf([4, 4, 4], phase + 1, n) }
        const prepared = reviewkd.prepare({ student: sideOf([4, 4, 4], 0), teacher: sideOf([4, 4, 4], 1) })
        makeTransparent(prepared, 4)
        const [s, t] = [batch.student.features, batch.teacher.features]
        const pooled = (x: Tensor) => x.mean([2, 3], true)
        const wanted = hcl(s.stage1!, t.stage1!)
          .add(hcl(s.stage2!, t.stage2!))
          .add(hcl(pooled(s.stage2!), pooled(t.stage2!)))
        await near(prepared(batch), await wanted.item())
      }),
    ))

  test('compares with what the teacher has before its activation, of whatever size', async () => {
    const student = sideOf(widths, 0)
    const teacher = sideOf(widths, 1)
    const before = {
      stage1: filled([3, 7, 12, 12], (i) => Math.sin(5 * i)),
      stage2: filled([3, 8, 6, 6], (i) => Math.sin(7 * i)),
    }
    const given = { student, teacher: { ...teacher, preActivations: before } }
    const instead = { student, teacher: { ...teacher, features: { ...teacher.features, ...before } } }
    const layers = 'stage1,stage2,penultimate'
    const value = await reviewkd.prepare(given, { layers })(given).item()
    expect(value).toBe(await reviewkd.prepare(instead, { layers })(instead).item())
    const plain = { student, teacher }
    expect(value).not.toBe(await reviewkd.prepare(plain, { layers })(plain).item())
  })

  test('sizes its modules by the channels, and by the deepest level inside', () => {
    const first = { student: sideOf(widths, 0), teacher: sideOf([7, 8, 9], 1) }
    const shapes = (params = {}) =>
      Object.fromEntries(
        [
          ...reviewkd
            .prepare(first, { layers: 'stage1,stage2,penultimate', ...params })
            .own.namedParameters(),
        ].flatMap(([name, { shape }]) => (name.includes('.bn') ? [] : [[name, shape]])),
      )
    expect(shapes()).toEqual({
      'level1.conv1.weight': [6, 4, 1, 1],
      'level1.conv2.weight': [7, 6, 3, 3],
      'level1.att.weight': [2, 12, 1, 1],
      'level1.att.bias': [2],
      'level2.conv1.weight': [6, 5, 1, 1],
      'level2.conv2.weight': [8, 6, 3, 3],
      'level2.att.weight': [2, 12, 1, 1],
      'level2.att.bias': [2],
      'level3.conv1.weight': [6, 6, 1, 1],
      'level3.conv2.weight': [9, 6, 3, 3],
    })
    expect(shapes({ maxChannels: 3 })['level1.conv2.weight']).toEqual([7, 3, 3, 3])
  })

  test('starts its convolutions uniform within sqrt(3 / fan-in)', async () => {
    const abf = new Abf({ from: 12, mid: 12, to: 12 }, { random: new Random(1), fuse: false })
    for (const [{ weight }, fanIn] of [
      [abf.conv1, 12],
      [abf.conv2, 108],
    ] as const) {
      const bound = Math.sqrt(3 / fanIn)
      const largest = await weight.abs().amax().item()
      expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6))
      expect(largest).toBeGreaterThan(0.9 * bound)
    }
  })

  test('lets every shallower level see the deeper ones, and none the shallower', async () => {
    const { student, teacher } = { student: sideOf([4, 4, 4], 0), teacher: sideOf([4, 4, 4], 1) }
    const maps = [student.features.stage1!, student.features.stage2!]
    const targets = [teacher.features.stage1!, teacher.features.stage2!]
    const modules = [true, false].map(
      (fuse, i) => new Abf({ from: 4, mid: 4, to: 4 }, { random: new Random(i), fuse }),
    )
    const levels = reviewed(modules, maps, targets)
    const reaches = async (level: number, map: number) => {
      const weighted = levels[level]!.mul(filled(levels[level]!.shape, Math.cos)).sum()
      return grad(weighted, [maps[map]!])[0]!.abs().amax().item()
    }
    expect(await reaches(0, 1)).toBeGreaterThan(1e-4)
    expect(await reaches(1, 0)).toBe(0)
  })

  describe('refuses', () => {
    const batch = { student: sideOf(widths, 0), teacher: sideOf(widths, 1) }
    const alone = { student: sideOf(widths, 0, 1), teacher: sideOf(widths, 1, 1) }
    const onlySample =
      'reviewkd: one sample alone cannot be normalised where its map is 1x1, got pooled [1, 5, 1, 1]. Choose a batch size that leaves no single sample over, or layers with larger maps.'
    const { stage2: _, ...fewer } = batch.teacher.features

    test.each([
      ['a single sample, when it is built', () => reviewkd.prepare(alone), onlySample],
      ['a single sample that is left over', () => reviewkd.prepare(batch)(alone), onlySample],
      [
        'unequal numbers of levels',
        () => reviewkd.prepare({ ...batch, teacher: { ...batch.teacher, features: fewer } }),
        "reviewkd: student and teacher have different numbers of layers, got stage1 [3, 4, 6, 6], stage2 [3, 5, 3, 3], pooled [3, 5] and stage1 [3, 4, 6, 6], pooled [3, 4]. Name the pairs, as in layers 'stage1:stage2'.",
      ],
      [
        'what is no map and no vector',
        () =>
          reviewkd.prepare(
            { ...batch, student: { ...batch.student, taps: { tokens: filled([3, 4, 5], Math.sin) } } },
            { layers: 'tokens:stage1' },
          ),
        'reviewkd: a level is a map [N, C, H, W] or a vector [N, D], got tokens [3, 4, 5]. Choose other layers.',
      ],
    ])('%s', (_, call, message) => {
      expect(thrownBy(call)).toMatchObject({ name: 'ShapeError', message })
    })

    test('but takes a single sample where every map is larger', async () => {
      const prepared = reviewkd.prepare(alone, { layers: 'stage1,stage2' })
      expect(await prepared(alone).item()).toSatisfy(Number.isFinite)
    })

    test('and a single sample in evaluation', async () => {
      const prepared = reviewkd.prepare(batch)
      prepared.own.eval()
      expect(await prepared(alone).item()).toSatisfy(Number.isFinite)
    })
  })
})
