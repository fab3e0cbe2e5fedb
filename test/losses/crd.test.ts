import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad, normalize, type Tensor, tensor } from '../../src/index.ts'
import { crd, crdInBatch } from '../../src/losses/index.ts'
import { AliasTable } from '../../src/losses/parts/alias.ts'
import { contrast } from '../../src/losses/parts/contrast-memory.ts'
import { ContrastSampler } from '../../src/losses/parts/contrast-sampler.ts'
import { noiseContrast } from '../../src/losses/parts/noise-contrast.ts'
import { Random } from '../../src/random.ts'
import { testDevice } from '../setup.ts'
import { stateAfter } from '../support/methods/call.ts'

const exact = testDevice === 'reference'

const near = async (got: Tensor, wanted: number, allowed = exact ? 1e-10 : 1e-5) =>
  expect(Math.abs((await got.item()) / wanted - 1)).toBeLessThan(allowed)

const table = (rows: number, width: number, f: (i: number) => number): Tensor =>
  tensor(
    Float64Array.from({ length: rows * width }, (_, i) => f(i)),
    [rows, width],
  )

const unset = () => tensor([-1], [])

/** Row b: its own place, and the others of `size` that follow at these distances. */
const placesOf = (index: readonly number[], size: number, distances: readonly number[]): Tensor<'int'> =>
  tensor(Int32Array.from(index.flatMap((y) => [y, ...distances.map((d) => (y + d) % size)])), [
    index.length,
    distances.length + 1,
  ])

const options = { temperature: 0.07, momentum: 0.5 }

test('has the value, the gradient and the memory of the published code', async () => {
  const student = table(4, 6, (i) => Math.sin(0.3 + 0.61 * i))
  const memory = {
    memoryS: normalize(table(10, 6, (i) => Math.sin(0.2 + 0.53 * i))),
    memoryT: normalize(table(10, 6, (i) => Math.cos(0.7 + 0.41 * i))),
    zS: unset(),
    zT: unset(),
  }
  const { sLoss, tLoss, next } = contrast(
    normalize(student),
    normalize(table(4, 6, (i) => Math.cos(0.2 + 0.47 * i))),
    memory,
    {
      ...options,
      index: tensor(Int32Array.of(0, 3, 5, 8)),
      contrastIndex: placesOf([0, 3, 5, 8], 10, [1, 2, 4]),
    },
  )
  const loss = sLoss.add(tLoss)
  await near(loss, 28.0337789294)
  const gradient = grad(loss, [student])[0]!
  await near(gradient.norm(), 3.43577148219)
  await near(gradient.slice([[0, 1], [0, 1]]), -0.799721843253) // biome-ignore format: one entry
  await near(next.zS(memory.zS), 1978798.392723)
  await near(next.zT(memory.zT), 1105349.27257)
  const row = await next
    .memoryS(memory.memoryS)
    .slice([[3, 4]])
    .data()
  const wanted = [-0.3262319201, -0.5454603882, -0.588257495, -0.4455093188, -0.1677187981, 0.1529400876]
  wanted.forEach((x, i) => {
    expect(row[i]).toBeCloseTo(x, exact ? 9 : 5)
  })
})

describe('where all scores are equal', () => {
  /** One side at chance level: P = 1 / size everywhere. */
  const chance = (size: number, k: number) => {
    const c = k / size + 1e-7
    return Math.log(1 + size * c) + k * Math.log((1 / size + c) / (k / size))
  }

  test('a first batch is at chance level, whatever the score is', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 30 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 4, maxLength: 4 }),
        async (size, k, numbers) => {
          const rows = (n: number, values: readonly number[]) =>
            normalize(table(n, 2, (i) => values[i % 2]! || 0.5))
          const { sLoss, tLoss } = contrast(
            rows(3, numbers.slice(0, 2)),
            rows(3, numbers.slice(2)),
            {
              memoryS: rows(size, numbers.slice(1, 3)),
              memoryT: rows(size, numbers.slice(2)),
              zS: unset(),
              zT: unset(),
            },
            {
              ...options,
              index: tensor(Int32Array.of(0, 1, 0)),
              contrastIndex: placesOf(
                [0, 1, 0],
                size,
                Array.from({ length: k }, (_, i) => i + 1),
              ),
            },
          )
          await near(sLoss, chance(size, k), exact ? 1e-9 : 2e-4)
          await near(tLoss, chance(size, k), exact ? 1e-9 : 2e-4)
        },
      ),
    ))

  test('that is 10.71 a side with the published numbers', async () => {
    const [size, negatives] = [50000, 16384]
    const scores = {
      positive: tensor([0]),
      all: tensor([[0]]),
      counts: tensor([[negatives]]),
      negatives,
    }
    const side = noiseContrast(scores, tensor([Math.log(size)], []), size)
    await near(side, chance(size, negatives), exact ? 1e-9 : 1e-5)
    expect(await side.item()).toBeCloseTo(10.71, 2)
  })
})

test('is what its definition says, written out without logarithms of Z', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -64, max: 64 }), { minLength: 12, maxLength: 12 }),
      async (k) => {
        const s = k.map((x) => x / 16)
        const [size, logZ] = [40, 1.5]
        const scores = {
          positive: tensor(s.slice(0, 3)),
          all: tensor(s.slice(3), [3, 3]),
          counts: tensor([
            [2, 1, 0],
            [0, 3, 0],
            [1, 1, 1],
          ]),
          negatives: 3,
        }
        const noise = 3 / size
        const p = (score: number) => Math.exp(score - logZ)
        const log = (x: number, c = noise + 1e-7) => Math.log(x / (x + c))
        const d0 = (x: number) => Math.log(noise / (x + noise + 1e-7))
        const counts = [2, 1, 0, 0, 3, 0, 1, 1, 1]
        const found = s.slice(0, 3).reduce((sum, x) => sum + log(p(x)), 0)
        const refused = s.slice(3).reduce((sum, x, i) => sum + counts[i]! * d0(p(x)), 0)
        await near(noiseContrast(scores, tensor([logZ], []), size), -(found + refused) / 3)
      },
    ),
  ))

/** Features of eight samples, and a training set of 24 samples in three classes of 12, 8 and 4. */
const labels = Int32Array.from({ length: 24 }, (_, i) => (i < 12 ? 0 : i < 20 ? 1 : 2)).sort(
  (a, b) => ((a * 7 + 3) % 5) - ((b * 7 + 3) % 5),
)
const trainingSet = { size: 24, classes: 3, labels }
const batchAt = (step: number, samples = 8) => ({
  student: {
    logits: table(samples, 3, (i) => i),
    features: { pooled: table(samples, 5, (i) => Math.sin(i + step)) },
  },
  teacher: {
    logits: table(samples, 3, (i) => i),
    features: { pooled: table(samples, 7, (i) => Math.cos(2 * i + step)) },
  },
  index: tensor(Int32Array.from({ length: samples }, (_, i) => (i * 5 + step) % 24)),
  trainingSet,
  progress: { epoch: 1, epochs: 1, step },
})
const small = { negatives: 6, dim: 4 }

describe('the state', () => {
  test('starts at length about 1 and without Z; the first batch sets Z for good', async () => {
    const prepared = crd.prepare(batchAt(0), { ...small, dim: 64 })
    const { memoryS, zS } = prepared.own.state
    expect(await memoryS!.square().sum(1).mean().item()).toBeCloseTo(1, 1)
    expect(await zS!.item()).toBe(-1)
    const first = stateAfter(prepared, prepared(batchAt(0)), 'zS')
    const z = await first.item()
    expect(z).toBeGreaterThan(0)
    prepared.own.loadStateDict(new Map([['zS', tensor([z], [])]]), { strict: false })
    expect(await stateAfter(prepared, prepared(batchAt(1)), 'zS').item()).toBe(z)
  })

  test('moves where the batch is, to rows of length 1, and nowhere else', async () => {
    const prepared = crd.prepare(batchAt(0), small)
    const before = await prepared.own.state.memoryT!.toArray()
    const after = await stateAfter(prepared, prepared(batchAt(0)), 'memoryT').toArray()
    const seen = new Set(batchAt(0).index.host)
    ;(after as number[][]).forEach((row, i) => {
      if (seen.has(i)) expect(Math.hypot(...row)).toBeCloseTo(1, exact ? 12 : 5)
      else expect(row).toEqual((before as number[][])[i])
    })
  })

  test('is what a checkpoint has, beside the embeddings', () => {
    expect([...crd.prepare(batchAt(0), small).own.stateDict().keys()].sort()).toEqual([
      'embedS.linear.bias',
      'embedS.linear.weight',
      'embedT.linear.bias',
      'embedT.linear.weight',
      'memoryS',
      'memoryT',
      'zS',
      'zT',
    ])
  })
})

describe('the choice of negatives', () => {
  const sampler = (given: object = {}, seed = 3) =>
    new ContrastSampler('crd', trainingSet, {
      negatives: 10,
      mode: 'exact',
      sampling: 'other classes',
      random: new Random(seed),
      ...given,
    })
  const index = tensor(Int32Array.from({ length: 24 }, (_, i) => i))
  const rowsOf = (t: Tensor<'int'>) => {
    const [n, k] = t.shape as [number, number]
    return Array.from({ length: n }, (_, i) => Array.from(t.host!.slice(i * k, (i + 1) * k)))
  }

  test('takes other classes only, and no sample twice', () => {
    rowsOf(sampler().draw(index, 5)).forEach(([positive, ...negatives], i) => {
      expect(positive).toBe(i)
      expect(negatives.every((j) => labels[j] !== labels[i])).toBe(true)
      expect(new Set(negatives).size).toBe(10)
    })
  })

  test('repeats samples only where there are not enough', () => {
    rowsOf(sampler({ negatives: 14 }).draw(index, 0)).forEach(([, ...negatives], i) => {
      const others = labels.filter((label) => label !== labels[i]).length
      expect(negatives.every((j) => labels[j] !== labels[i])).toBe(true)
      if (others >= 14) expect(new Set(negatives).size).toBe(14)
    })
  })

  test('gives every sample of another class the same chance', () => {
    const drawn = new Float64Array(24)
    const [one, steps] = [sampler({ negatives: 5 }), 2000]
    const alone = tensor(Int32Array.of(0))
    for (let step = 0; step < steps; step++)
      for (const j of rowsOf(one.draw(alone, step))[0]!.slice(1)) drawn[j]! += 1
    const others = drawn.filter((_, j) => labels[j] !== labels[0])
    const expected = (5 * steps) / others.length
    const chiSquare = others.reduce((sum, k) => sum + (k - expected) ** 2 / expected, 0)
    // Beyond it with probability 1e-4 at most, for up to 19 degrees of freedom.
    expect(chiSquare).toBeLessThan(50)
  })

  test('is the same for a seed and a step, and another for another', () => {
    const draw = (seed: number, step: number) => rowsOf(sampler({}, seed).draw(index, step))
    expect(draw(3, 5)).toEqual(draw(3, 5))
    expect(draw(3, 5)).not.toEqual(draw(3, 6))
    expect(draw(3, 5)).not.toEqual(draw(4, 5))
    const used = sampler()
    used.draw(index, 1)
    expect(rowsOf(used.draw(index, 5))).toEqual(draw(3, 5))
  })

  test('in mode relax takes any sample of the class for the positive', () => {
    const relaxed = sampler({ mode: 'relax' })
    const rows = [0, 1, 2, 3].flatMap((step) => rowsOf(relaxed.draw(index, step)))
    rows.forEach(([positive], i) => {
      expect(labels[positive!]).toBe(labels[i % 24])
    })
    expect(rows.some(([positive], i) => positive !== i % 24)).toBe(true)
  })

  test('by alias takes any sample', () => {
    const rows = rowsOf(sampler({ sampling: 'alias' }).draw(index, 0))
    expect(rows.some(([y, ...negatives]) => negatives.some((j) => labels[j] === labels[y!]))).toBe(true)
  })
})

describe('the alias table', () => {
  const weights = fc
    .array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 40 })
    .filter((all) => all.some((w) => w > 0))

  test('gives each number exactly its share', () =>
    fc.assert(
      fc.property(weights, (all) => {
        const { probability, alias } = new AliasTable(all)
        const total = all.reduce((sum, w) => sum + w)
        const shares = Array.from(probability)
        probability.forEach((p, i) => {
          shares[alias[i]!]! += 1 - p
        })
        shares.forEach((share, i) => {
          expect(Math.abs(share / all.length - all[i]! / total)).toBeLessThan(1e-13)
        })
      }),
    ))

  test('draws by these shares', () => {
    const all = [1, 0, 5, 2, 2]
    const table = new AliasTable(all)
    const random = new Random(11)
    const [drawn, draws] = [new Float64Array(5), 20000]
    for (let i = 0; i < draws; i++) drawn[table.draw(random)]! += 1
    expect(drawn[1]).toBe(0)
    const chiSquare = all.reduce((sum, w, i) => {
      const expected = (w / 10) * draws
      return expected === 0 ? sum : sum + (drawn[i]! - expected) ** 2 / expected
    }, 0)
    // Three degrees of freedom: beyond it with probability 1e-4.
    expect(chiSquare).toBeLessThan(21.1)
  })

  test.each([
    [[], '0 of sum 0, the least none'],
    [[0, 0], '2 of sum 0, the least 0'],
    [[3, -1], '2 of sum 2, the least -1'],
    [[1, Number.NaN], '2 of sum NaN, the least NaN'],
  ])('refuses the weights %j', (all, got) => {
    expect(() => new AliasTable(all)).toThrow(
      `AliasTable: weights must be at least 0 and their sum positive and finite, got ${got}. Check them.`,
    )
  })
})

describe('crdInBatch', () => {
  const features = fc.array(fc.integer({ min: -64, max: 64 }), { minLength: 60, maxLength: 60 })

  test('is crd with the batch in place of the memory', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 5 }), features, async (n, k) => {
        const of = (width: number, from: number) => table(n, width, (i) => k[i + from]! / 16)
        const logits = table(n, 2, (i) => i)
        const batch = {
          student: { logits, features: { f: of(5, 0) } },
          teacher: { logits, features: { f: of(6, 25) } },
        }
        const prepared = crdInBatch.prepare(batch, { dim: 3 })
        const { embedS, embedT } = prepared.own.adapters as unknown as Record<
          string,
          { forward(x: Tensor): Tensor }
        >
        const [memoryS, memoryT] = [embedS!.forward(of(5, 0)), embedT!.forward(of(6, 25))]
        const all = Array.from({ length: n }, (_, i) => i)
        const { sLoss, tLoss } = contrast(
          memoryS,
          memoryT,
          { memoryS, memoryT, zS: unset(), zT: unset() },
          { ...options, index: tensor(Int32Array.from(all)), contrastIndex: placesOf(all, n, all.slice(1)) },
        )
        await near(prepared(batch), await sLoss.add(tLoss).item())
      }),
    ))

  test('is 0 with gradient 0 for one sample, which leaves Z unset', async () => {
    const batch = batchAt(0, 1)
    const prepared = crdInBatch.prepare(batch)
    const loss = prepared(batch)
    expect(Math.abs(await loss.item())).toBe(0)
    const gradient = await grad(loss, [batch.student.features.pooled])[0]!.data()
    expect(gradient.every((x) => Math.abs(x) === 0)).toBe(true)
    expect(await stateAfter(prepared, loss, 'mean').item()).toBe(-1)
  })
})

describe('errors', () => {
  test.each([
    [
      { negatives: 25 },
      'crd: the memory is smaller than the number of negatives, got 24 samples and 25 negatives. Set negatives to at most 24.',
    ],
    [
      { ...small, temperature: 0.01 },
      'crd: sums of exp(1 / temperature) leave float32, got temperature 0.01. Use at least 0.02.',
    ],
    [{ ...small, mode: 'loose' }, 'crd: mode must be one of exact, relax, got loose. Its default is exact.'],
  ])('%j', (params, message) => {
    expect(() => crd.prepare(batchAt(0), params as object)).toThrow(
      expect.objectContaining({ name: 'ValueError', message }),
    )
  })

  test('one class', () => {
    const alone = { ...batchAt(0), trainingSet: { size: 24, classes: 3, labels: new Int32Array(24) } }
    expect(() => crd.prepare(alone, small)).toThrow(
      "crd: negatives come from other classes, got 24 samples of class 0 alone. Use samples of several classes, or sampling 'alias'.",
    )
    expect(() => crd.prepare(alone, { ...small, sampling: 'alias' })).not.toThrow()
  })

  test('a temperature without a memory', () => {
    expect(() => crdInBatch.prepare(batchAt(0), { temperature: 0.01 })).toThrow(
      'crdInBatch: sums of exp(1 / temperature) leave float32, got temperature 0.01. Use at least 0.02.',
    )
  })
})
