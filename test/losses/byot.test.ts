import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad, type Tensor, tensor } from '../../src/index.ts'
import { byot, ce, kldiv, type Side } from '../../src/losses/index.ts'
import { ExitHead } from '../../src/losses/parts/exit-head.ts'
import { type Exit, type ExitSettings, exitLoss } from '../../src/losses/parts/exits.ts'
import { Random } from '../../src/random.ts'
import { type Shape, sizeOf } from '../../src/shape.ts'
import { onDevice, same as sameWithin } from '../support/same.ts'
import { thrownBy } from '../support/thrown.ts'

const same = (got: Tensor, wanted: Tensor) => sameWithin(got, wanted, onDevice(1e-12, 2e-5))

const filled = (shape: Shape, f: (i: number) => number): Tensor =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => f(i)),
    shape,
  )

/** A deepest exit and three shallow ones, of 3 samples, 4 classes and 5 features. */
interface Exits {
  readonly deepest: Exit
  readonly shallow: readonly Exit[]
  readonly labels: Tensor<'int'>
}

const numbers = (count: number) =>
  fc
    .array(fc.integer({ min: -1024, max: 1024 }), { minLength: count, maxLength: count })
    .map((all) => all.map((k) => k / 256))

const exit = fc.record({
  logits: numbers(12).map((values) => tensor(values, [3, 4])),
  feature: numbers(15).map((values) => tensor(values, [3, 5])),
})

const exits: fc.Arbitrary<Exits> = fc.record({
  deepest: exit,
  shallow: fc.array(exit, { minLength: 3, maxLength: 3 }),
  labels: fc
    .array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 })
    .map((labels) => tensor(Int32Array.from(labels))),
})

const check = (property: (given: Exits, temperature: number) => Promise<void>) =>
  fc.assert(fc.asyncProperty(exits, fc.constantFrom(1, 3), property))

const lossOf = ({ deepest, shallow, labels }: Exits, settings: ExitSettings) =>
  exitLoss(deepest, shallow, labels, settings)

const sum = (terms: readonly Tensor[]) => terms.reduce((total, term) => total.add(term))
const labelled = ({ logits }: Exit, { labels }: Exits) => ce({ student: { logits }, labels })
const divergence = ({ logits }: Exit, { deepest }: Exits, temperature: number) =>
  kldiv({ student: { logits }, teacher: { logits: deepest.logits } }, { temperature })

describe('the exits', () => {
  test("'paper' without labels at the shallow exits is their kldiv without T²", () =>
    check(async (given, temperature) => {
      const { loss } = lossOf(given, { variant: 'paper', alpha: 1, beta: 0, temperature })
      const kd = sum(given.shallow.map((one) => divergence(one, given, temperature)))
      await same(loss, labelled(given.deepest, given).add(kd.div(temperature ** 2)))
    }))

  test.each(['masked', 'journal', 'paper'] as const)(
    '%s with alpha and beta 0 is the cross-entropy of all',
    (variant) =>
      check(async (given, temperature) => {
        const { loss } = lossOf(given, { variant, alpha: 0, beta: 0, temperature })
        await same(loss, sum([given.deepest, ...given.shallow].map((one) => labelled(one, given))))
      }),
  )

  test("'masked' teaches the shallow exits with the gradient of ce and kldiv", () =>
    check(async (given, temperature) => {
      const { loss } = lossOf(given, { variant: 'masked', alpha: 0.25, beta: 0, temperature })
      const logits = given.shallow.map((one) => one.logits)
      const wanted = given.shallow.map((one) =>
        labelled(one, given)
          .mul(0.75)
          .add(divergence(one, given, temperature).mul(0.25)),
      )
      const got = grad(loss, logits)
      for (const [i, g] of grad(sum(wanted), logits).entries()) await same(got[i]!, g)
    }))

  test("'journal' and 'masked' distil alike but for T²", () =>
    check(async (given, temperature) => {
      const [journal, masked] = (['journal', 'masked'] as const).map(
        (variant) => lossOf(given, { variant, alpha: 0.5, beta: 1, temperature }).kd,
      )
      await same(journal!.mul(temperature ** 2), masked!)
    }))

  test.each([
    ['masked', 0.75],
    ['journal', 1],
    ['paper', 1],
  ] as const)('%s teaches the deepest exit with its labels alone', (variant, weight) =>
    check(async (given, temperature) => {
      const { logits, feature } = given.deepest
      const { loss } = lossOf(given, { variant, alpha: 0.25, beta: 0.5, temperature })
      const [g, h] = grad(loss, [logits, feature])
      await same(g!, grad(labelled(given.deepest, given), [logits])[0]!.mul(weight))
      expect((await h!.data()).every((x) => Math.abs(x) === 0)).toBe(true)
    }),
  )

  test('compare features as each variant says', () =>
    check(async (given, temperature) => {
      const hints = (['masked', 'journal', 'paper'] as const).map(
        (variant) => lossOf(given, { variant, alpha: 0, beta: 1, temperature }).hint,
      )
      const target = await given.deepest.feature.data()
      const differences = await Promise.all(
        given.shallow.map(async ({ feature }) =>
          Array.from(await feature.data(), (x, i) => ({
            square: (x - target[i]!) ** 2,
            active: x > 0 || target[i]! > 0,
          })),
        ),
      )
      const total = (all: { square: number }[]) => all.reduce((to, { square }) => to + square, 0)
      const wanted = [
        total(differences.flat().filter(({ active }) => active)),
        // The exit next to the deepest one is not compared.
        Math.sqrt(total(differences[0]!)) + Math.sqrt(total(differences[1]!)),
        total(differences.flat()),
      ]
      for (const [i, hint] of hints.entries()) await same(hint, tensor([wanted[i]!], []))
    }))

  test.each(['masked', 'journal', 'paper'] as const)(
    '%s has no hint and no gradient of it where features are equal',
    (variant) =>
      check(async (given, temperature) => {
        const equal = given.shallow.map(({ logits }) => ({
          logits,
          feature: given.deepest.feature.mul(1),
        }))
        const { hint } = lossOf({ ...given, shallow: equal }, { variant, alpha: 0, beta: 1, temperature })
        expect(await hint.item()).toBe(0)
        for (const g of grad(
          hint,
          equal.map(({ feature }) => feature),
        ))
          expect((await g.data()).every((x) => Math.abs(x) === 0)).toBe(true)
      }),
  )
})

const studentOf = (n: number, side = 2): Required<Pick<Side, 'logits' | 'features'>> => ({
  logits: filled([n, 3], (i) => Math.sin(i)),
  features: {
    stage1: filled([n, 4, 4 * side, 4 * side], (i) => Math.sin(i)),
    stage2: filled([n, 6, 2 * side, 2 * side], (i) => Math.cos(i)),
    stage3: filled([n, 8, side, side], (i) => Math.sin(2 * i)),
  },
})
const labels = tensor(Int32Array.of(0, 2, 1))
const batch = { student: studentOf(3), labels }

describe('byot', () => {
  test('puts an exit after every map but the last', () => {
    const shapes = Object.fromEntries(
      [...byot.prepare(batch).own.namedParameters()].flatMap(([name, { shape }]) =>
        name.includes('.bn') ? [] : [[name, shape]],
      ),
    )
    expect(shapes).toEqual({
      'exit1.conv1.weight': [2, 4, 1, 1],
      'exit1.conv2.weight': [2, 2, 4, 4],
      'exit1.conv3.weight': [8, 2, 1, 1],
      'exit1.fc.weight': [3, 8],
      'exit1.fc.bias': [3],
      'exit2.conv1.weight': [2, 6, 1, 1],
      'exit2.conv2.weight': [2, 2, 2, 2],
      'exit2.conv3.weight': [8, 2, 1, 1],
      'exit2.fc.weight': [3, 8],
      'exit2.fc.bias': [3],
    })
  })

  test('adapts compared features in the variant journal alone: not those next to the last', () => {
    const names = [...byot.prepare(batch, { variant: 'journal' }).own.namedParameters().keys()]
    expect(names.filter((name) => name.includes('adapter'))).toEqual([
      'exit1.adapter.weight',
      'exit1.adapter.bias',
    ])
  })

  test.each(['masked', 'journal', 'paper'] as const)('%s is the loss of its exits', async (variant) => {
    const settings = { variant, alpha: 0.25, beta: 0.125, temperature: 2 }
    const prepared = byot.prepare(batch, settings)
    const { stage1, stage2, stage3 } = batch.student.features as Record<string, Tensor>
    const [first, second] = Object.values(prepared.own.adapters) as ExitHead[]
    const { loss } = exitLoss(
      { logits: batch.student.logits, feature: stage3!.mean([2, 3]) },
      [first!.forward(stage1!), second!.forward(stage2!)],
      labels,
      settings,
    )
    await same(prepared(batch), loss)
  })

  test('predicts with every exit, the deepest first, and with the mean of their probabilities', async () => {
    const prepared = byot.prepare(batch)
    prepared.own.eval()
    const predictions = prepared.predict!({ student: studentOf(1, 1) })
    expect(Object.keys(predictions)).toEqual(['deepest', 'exit1', 'exit2', 'ensemble'])
    const { deepest, exit1, exit2, ensemble } = predictions as Record<string, Tensor>
    await same(deepest!, studentOf(1, 1).logits)
    await same(ensemble!.exp(), sum([deepest!, exit1!, exit2!].map((z) => z.softmax(1))).div(3))
  })

  test('has heads for maps whose sizes do not divide each other', () => {
    const map = filled([2, 3, 7, 5], Math.sin)
    const head = new ExitHead(map, filled([2, 4, 3, 6], Math.sin), {
      classes: 5,
      adapted: false,
      random: new Random(1),
    })
    const { logits, feature } = head.forward(map)
    expect([logits.shape, feature.shape]).toEqual([
      [2, 5],
      [2, 4],
    ])
  })
})

describe('byot refuses', () => {
  const { student } = batch
  const single = { student: studentOf(1, 1), labels: tensor(Int32Array.of(1)) }
  const vectors = { ...student, features: { ...student.features, vector: filled([3, 7], Math.sin) } }

  test.each([
    [
      'a student of one map',
      () => byot.prepare(batch, { layers: 'stage2' }),
      'byot: there is no shallow exit, got one map, stage2 [3, 6, 4, 4]. Give a student of at least two stages, or name two maps as layers.',
    ],
    [
      'vectors',
      () => byot.prepare({ student: vectors, labels }, { layers: 'stage1,vector' }),
      'byot: it compares maps [N, C, H, W], got vector [3, 7] and vector [3, 7]. Choose other layers.',
    ],
    [
      'a single sample whose last map is 1x1',
      () => byot.prepare(single),
      'byot: one sample alone cannot be normalised where its map is 1x1, got stage3 [1, 8, 1, 1]. Choose a batch size that leaves no single sample over, or layers with larger maps.',
    ],
  ])('%s', (_, call, message) => {
    expect(thrownBy(call)).toMatchObject({ name: 'ShapeError', message })
  })
})
