import { describe, expect, test } from 'vitest'
import { grad, tensor, zeros } from '../../src/index.ts'
import {
  at,
  ce,
  choice,
  combine,
  count,
  defineLoss,
  fitnet,
  flag,
  kldiv,
  positive,
  real,
  share,
  tapsOf,
  text,
  whole,
} from '../../src/losses/index.ts'
import { Linear } from '../../src/nn/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'
import { testDevice } from '../setup.ts'

const random = new Random(5)
const normal = (...shape: number[]) => tensor(random.normals(shape.reduce((a, b) => a * b, 1)), shape)
const side = (channels: number) => ({
  logits: normal(3, 4),
  features: {
    stage1: normal(3, channels, 4, 4),
    stage2: normal(3, 2 * channels, 2, 2),
    penultimate: normal(3, 5),
  },
})
const [student, teacher] = [side(2), side(3)]
const labels = tensor(Int32Array.of(0, 3, 1))
const batch = { student, teacher, labels }
const untyped = (value: unknown) => value as never
/** Decimals that the device gives. */
const digits = testDevice === 'reference' ? 12 : 5

/** Every kind of parameter. */
const everything = defineLoss(
  'everything',
  {
    defaults: {
      temperature: positive(2, 'here'),
      slope: real(-1, 'here'),
      part: share(0.5, 'here'),
      epochs: whole(0, 'here'),
      copies: count(1, 'here'),
      form: choice('mean', ['mean', 'sum'], 'here'),
      square: flag(true, 'here'),
      note: text('', 'here'),
    },
  },
  ({ student: { logits } }, { form, slope, square }) => {
    const x = square ? logits.square() : logits
    return (form === 'mean' ? x.mean() : x.sum()).mul(slope)
  },
)

describe('parameters', () => {
  test('have their defaults, and take what is given', async () => {
    const z = student.logits
    expect(await everything(batch).item()).toBe(-(await z.square().mean().item()))
    expect(await everything(batch, { form: 'sum', square: false, slope: 2 }).item()).toBe(
      2 * (await z.sum().item()),
    )
  })

  test.each([
    [{ part: 2 }, 'everything: part must be between 0 and 1, got 2. Its default is 0.5.'],
    [{ epochs: 1.5 }, 'everything: epochs must be a whole number of at least 0, got 1.5. Its default is 0.'],
    [{ copies: 0 }, 'everything: copies must be a whole number of at least 1, got 0. Its default is 1.'],
    [{ form: 'max' }, 'everything: form must be one of mean, sum, got max. Its default is mean.'],
    [{ square: 1 }, 'everything: square must be true or false, got 1. Its default is true.'],
    [{ note: 3 }, 'everything: note must be text, got 3. Its default is .'],
    [{ slope: Number.NaN }, 'everything: slope must be a finite number, got NaN. Its default is -1.'],
  ])('%o is refused', (params, message) => {
    expect(() => everything(batch, untyped(params))).toThrow(
      expect.objectContaining({ name: 'ValueError', message }),
    )
  })
})

/** Names of the layers that a loss of this kind compares. */
function compared(kind: NonNullable<Parameters<typeof layered>[0]>, layers?: string): string[] {
  return layered(kind)
    .prepare(batch, layers === undefined ? {} : { layers })
    .layers.map(({ name }) => `${name.student}:${name.teacher}`)
}
const layered = (layers: 'pooled' | 'last map' | 'middle map' | 'maps' | 'maps and pooled') =>
  defineLoss('layered', { layers }, ({ layers }) => layers[0]!.student.mean())

describe('layers', () => {
  test('are chosen by what they are', () => {
    expect(compared('pooled')).toEqual(['penultimate:penultimate'])
    expect(compared('last map')).toEqual(['stage2:stage2'])
    expect(compared('middle map')).toEqual(['stage2:stage2'])
    expect(compared('maps')).toEqual(['stage1:stage1', 'stage2:stage2'])
    expect(compared('maps and pooled')).toEqual(['stage1:stage1', 'stage2:stage2', 'pooled:pooled'])
  })

  test('are named, in pairs where the networks call them differently', () => {
    expect(compared('maps', 'stage2')).toEqual(['stage2:stage2'])
    expect(compared('maps', 'stage1:stage2, stage2:stage1')).toEqual(['stage1:stage2', 'stage2:stage1'])
    expect(tapsOf({ layers: 'conv1:conv2,bn1' })).toEqual({
      student: ['conv1', 'bn1'],
      teacher: ['conv2', 'bn1'],
    })
    expect(tapsOf({ layers: 'auto' })).toEqual({ student: [], teacher: [] })
  })

  test('of a network without vectors are pooled from its last map', async () => {
    const { penultimate: _, ...maps } = student.features
    const bare = { ...batch, student: { ...student, features: maps } }
    const [pair] = layered('pooled').prepare(bare).layers
    expect(pair!.name.student).toBe('pooled')
    expect(await pair!.student.data()).toEqual(await maps.stage2.mean([2, 3]).data())
  })

  test('of the teacher give it no gradient', async () => {
    const f = teacher.features.stage1
    const [g] = grad(at(batch), [f])
    expect((await g!.data()).every((x) => x === 0)).toBe(true)
  })

  test('that do not exist are answered with those that do', () => {
    expect(() => at(batch, { layers: 'stage9' })).toThrow(
      'at: the student has no layer stage9, got layers stage9. It has stage1 [3, 2, 4, 4], stage2 [3, 4, 2, 2], penultimate [3, 5].',
    )
    expect(() => at(batch, { layers: 'stage1:fc' })).toThrow(
      'at: the teacher has no layer fc, got layers fc. It has stage1 [3, 3, 4, 4], stage2 [3, 6, 2, 2], penultimate [3, 5].',
    )
    expect(() => at({ student: { logits: student.logits }, teacher })).toThrow(
      "at: the student gives nothing to compare, got features none where a map [N, C, H, W] is needed. Give student: { logits, features } as a model's forward returns them.",
    )
  })

  test('must be as many on both sides', () => {
    const { stage1, penultimate } = teacher.features
    const fewer = { ...teacher, features: { stage1, penultimate } }
    expect(() => at({ student, teacher: fewer })).toThrow(
      "at: student and teacher have different numbers of layers, got stage1 [3, 2, 4, 4], stage2 [3, 4, 2, 2] and stage1 [3, 3, 4, 4]. Name the pairs, as in layers 'stage1:stage2'.",
    )
  })

  test('are names or pairs, and one for a loss that compares one', () => {
    expect(() => at(batch, { layers: 'stage1:stage2:stage1' })).toThrow(
      'layers: they are names or pairs of names, got stage1:stage2:stage1. Write them as in stage1,stage2 or stage1:stage2.',
    )
    expect(() => at(batch, { layers: 'stage1,' })).toThrow(
      'layers: they are names or pairs of names, got stage1,.',
    )
    expect(() => fitnet.prepare(batch, { layers: 'stage1,stage2' })).toThrow(
      'fitnet: it compares one layer, got layers stage1:stage1, stage2:stage2. Name one.',
    )
  })

  test('do not ask for the same classes on both sides; logits do', () => {
    const others = { ...teacher, logits: normal(3, 7) }
    expect(() => at({ student, teacher: others })).not.toThrow()
    expect(() => kldiv({ student, teacher: others })).toThrow('differ in shape')
  })
})

/** Compares the pooled features after a linear map, the student's less what a state holds. */
const mapped = defineLoss(
  'mapped',
  {
    layers: 'pooled',
    adapters: ({ layers: [pair] }, _, random) => ({
      map: new Linear(pair!.student.shape[1]!, pair!.teacher.shape[1]!, { random }),
    }),
    state: ({ layers: [pair] }) => ({ offset: zeros([pair!.student.shape[1]!]) }),
  },
  ({ layers: [pair] }, _, { adapters, state }) =>
    adapters.map.forward(pair!.student.sub(state.offset)).sub(pair!.teacher).square().mean(),
)

describe('adapters and state', () => {
  test('are sized by the first batch, and the same for the same seed', async () => {
    const [first, again, other] = [
      mapped.prepare(batch, {}, { seed: 1 }),
      mapped.prepare(batch, {}, { seed: 1 }),
      mapped.prepare(batch, {}, { seed: 2 }),
    ]
    expect(Object.fromEntries([...first.own.stateDict()].map(([name, { shape }]) => [name, shape]))).toEqual({
      'map.weight': [5, 5],
      'map.bias': [5],
      offset: [5],
    })
    const weights = async (p: typeof first) =>
      Array.from(await p.own.namedParameters().get('map.weight')!.data())
    expect(await weights(first)).toEqual(await weights(again))
    expect(await weights(first)).not.toEqual(await weights(other))
  })

  test('cannot be left out', () => {
    expect(() => fitnet(batch)).toThrow(
      'fitnet: it has adapters or state of its own, got a call without them. Call fitnet.prepare(batch) once, and then what it returns.',
    )
  })

  test('learn with the student', async () => {
    const prepared = fitnet.prepare(batch)
    const before = await prepared(batch).item()
    const sgd = new SGD(prepared.own.parameters(), { lr: 0.1 })
    for (let step = 0; step < 5; step++) await sgd.step(prepared(batch))
    expect(await prepared(batch).item()).toBeLessThan(before)
  })

  test('what does not fit is said when they are made', () => {
    const small = { ...teacher, features: { stage2: normal(3, 3, 5, 5) } }
    expect(() => fitnet.prepare({ student, teacher: small })).toThrow(
      "fitnet: no regressor leads from the student's map to the teacher's, got stage2 [3, 4, 2, 2] and stage2 [3, 3, 5, 5]. Choose layers where the student's map is half as large, or not smaller.",
    )
    expect(() => fitnet.prepare(batch, { regressor: '1x1', layers: 'stage1:stage2' })).toThrow(
      "fitnet: the 1x1 regressor is for maps of one size, got stage1 [3, 2, 4, 4] and stage2 [3, 6, 2, 2]. Choose other layers, or the regressor 'sized'.",
    )
  })
})

/** Remembers the mean of the student's logits. */
const remembering = defineLoss(
  'remembering',
  { needs: [], state: () => ({ mean: zeros([]) }) },
  ({ student: { logits } }, _, own) => {
    own.afterStep(own.state.mean, (before) => before.mul(0.5).add(logits.detach().mean().mul(0.5)))
    return logits.square().mean().add(own.state.mean.detach().mul(0))
  },
)

describe('state', () => {
  const z = normal(2, 3)
  const only = { student: { logits: z } }

  test('moves when a step is done and not before', async () => {
    const prepared = remembering.prepare(only)
    const weight = tensor([1])
    const sgd = new SGD([weight], { lr: 0 })
    await prepared(only).item()
    expect(await prepared.own.state.mean!.item()).toBe(0)
    const mean = await z.mean().item()
    for (const wanted of [0.5 * mean, 0.75 * mean]) {
      await sgd.step(prepared({ student: { logits: z.mul(weight) } }))
      expect(await prepared.own.state.mean!.item()).toBeCloseTo(wanted, digits)
    }
  })

  test('forgets what a formula that failed wanted of it', async () => {
    let fails = false
    const counting = defineLoss(
      'counting',
      { needs: [], state: () => ({ n: zeros([]) }) },
      ({ student }, _, own) => {
        own.afterStep(own.state.n, (before) => before.add(1))
        if (fails) throw new Error('not this time')
        return student.logits.mean()
      },
    )
    const prepared = counting.prepare(only)
    const weight = tensor([1])
    const moving = () => ({ student: { logits: z.mul(weight) } })
    fails = true
    expect(() => prepared(moving())).toThrow('not this time')
    fails = false
    await new SGD([weight], { lr: 0 }).step(prepared(moving()))
    expect(await prepared.own.state.n!.item()).toBe(1)
  })

  test('that would change its shape is refused when it is made', () => {
    const growing = defineLoss(
      'growing',
      { needs: [], state: () => ({ n: zeros([2]) }) },
      ({ student }, _, own) => {
        own.afterStep(own.state.n, () => zeros([3]))
        return student.logits.mean()
      },
    )
    expect(() => growing.prepare(only)).toThrow(
      'growing: the state n would change its shape, got [3] and [2]. Give afterStep values of the same shape.',
    )
  })

  test('stays as it is in evaluation mode', async () => {
    const prepared = remembering.prepare(only)
    prepared.own.eval()
    const weight = tensor([1])
    await new SGD([weight], { lr: 0 }).step(prepared({ student: { logits: z.mul(weight) } }))
    expect(await prepared.own.state.mean!.item()).toBe(0)
  })

  test('goes through a state dict', async () => {
    const [from, to] = [remembering.prepare(only), remembering.prepare(only)]
    const weight = tensor([1])
    await new SGD([weight], { lr: 0 }).step(from({ student: { logits: z.mul(weight) } }))
    to.own.loadStateDict(from.own.stateDict())
    expect(await to.own.state.mean!.item()).toBe(await from.own.state.mean!.item())
  })
})

describe('combine', () => {
  const terms = [
    { loss: ce.prepare(batch), weight: 1 },
    { loss: kldiv.prepare(batch), weight: 0.9, warmup: 4 },
  ]
  const at = (epoch: number) => ({ ...batch, progress: { epoch, epochs: 8, step: 0 } })

  test('adds weighted terms, and gives each of them', async () => {
    const { total, terms: parts } = combine(terms)(at(4))
    const [hard, soft] = [await ce(batch).item(), await kldiv(batch).item()]
    expect(await total.item()).toBeCloseTo(hard + 0.9 * soft, digits)
    expect(await parts.kldiv!.value.item()).toBe(soft)
    expect([parts.ce!.weight, parts.kldiv!.weight]).toEqual([1, 0.9])
  })

  test.each([
    [1, 0.9 / 4],
    [2, 0.9 / 2],
    [4, 0.9],
    [8, 0.9],
  ])('in epoch %i of a warm-up over 4 a weight of 0.9 is %f', (epoch, weight) => {
    expect(combine(terms)(at(epoch)).terms.kldiv!.weight).toBeCloseTo(weight, 12)
    expect(combine(terms)(at(epoch)).terms.ce!.weight).toBe(1)
  })

  test('refuses what is no sum', () => {
    expect(() => combine([])).toThrow('combine: there must be a term, got none. Name a loss.')
    expect(() => combine([terms[0]!, terms[0]!])).toThrow(
      'combine: ce comes twice, got it as terms of one sum. Add up its weights.',
    )
    expect(() => combine([{ loss: kldiv as never, weight: 1 }])).toThrow(
      'combine: a term is a loss that is prepared, got kldiv. Give what its prepare(batch) returns.',
    )
    expect(() => combine(terms)(batch)).toThrow(
      'combine: the warm-up of kldiv counts epochs, got a batch without progress. Give progress: { epoch, epochs, step } in the batch.',
    )
    expect(() => combine([{ ...terms[0]!, weight: Number.NaN }])).toThrow(
      'combine: weight and warm-up of ce must be finite, the warm-up at least 0, got NaN and 0. Change them.',
    )
  })
})
