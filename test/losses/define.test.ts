import { describe, expect, test } from 'vitest'
import { gradcheck } from '../../src/check/gradcheck.ts'
import { grad, klDiv, softmax, type Tensor, tensor, zeros } from '../../src/index.ts'
import { ce, defineLoss, dist, dkd, isLoss, kldiv, losses, needs } from '../../src/losses/index.ts'
import * as published from '../../src/losses/published.ts'

const z = tensor([
  [0.5, -1, 2],
  [1, 0.25, -0.5],
])
const t = tensor([
  [1.5, 0, -2],
  [0, 2, 1],
])
const y = tensor(Int32Array.of(2, 0))
const student = { logits: z }
const teacher = { logits: t }

/** KL, each sample weighted by how sure the teacher is; word for word as in the design's api.md. */
const confidentKd = defineLoss(
  'confidentKd',
  { temperature: 4, power: 1 },
  ({ student, teacher }, { temperature: T, power }) => {
    const p = softmax(teacher.logits.div(T), 1) // [N, C]
    const sure = p.max(1).pow(power) // [N]
    return klDiv(student.logits.div(T).logSoftmax(1), p, { reduction: 'none' })
      .sum(1)
      .mul(sure)
      .mean()
      .mul(T * T)
  },
)

describe('a loss of one’s own', () => {
  test('takes a batch without labels and passes the gradient check', async () => {
    const report = await gradcheck(
      (z: Tensor) => confidentKd({ student: { logits: z }, teacher: { logits: t } }),
      [z],
    )
    expect(report.ok, String(report)).toBe(true)
  })

  test('knows its id, its defaults and what it needs', () => {
    expect(confidentKd.id).toBe('confidentKd')
    expect(confidentKd.defaults).toEqual({ temperature: 4, power: 1 })
    expect(confidentKd.needs).toEqual(['teacher'])
    expect(confidentKd.mix).toEqual({ weight: 1, ce: 1 })
    expect(isLoss(confidentKd)).toBe(true)
    expect(isLoss(() => z)).toBe(false)
  })

  test('in the short form takes numbers, texts and booleans', async () => {
    const short = defineLoss('short', { mode: 'mse', squared: true, scale: 2 }, ({ student }, params) => {
      const x = params.squared ? student.logits.square() : student.logits
      return (params.mode === 'mse' ? x.mean() : x.sum()).mul(params.scale)
    })
    expect(short.defaults).toEqual({ mode: 'mse', squared: true, scale: 2 })
    const sum = await z.sum().item()
    expect(await short({ student, teacher }, { mode: 'sum', squared: false }).item()).toBeCloseTo(2 * sum, 5)
  })

  test('takes its defaults for what is left out', async () => {
    const given = confidentKd({ student, teacher }, { temperature: 4, power: 1 })
    expect(await confidentKd({ student, teacher }).item()).toBe(await given.item())
    expect(await confidentKd({ student, teacher }, { power: 3 }).item()).not.toBe(await given.item())
  })

  test('reads features by name, and no gradient reaches the teacher through them', async () => {
    const hint = defineLoss('hint', {}, ({ student, teacher }) =>
      student.features!.last!.sub(teacher.features!.last!).square().mean(),
    )
    const loss = hint({
      student: { logits: z, features: { last: z } },
      teacher: { logits: t, features: { last: t } },
    })
    expect(await grad(loss, [t])[0]!.data()).toSatisfy((g: Float64Array) => g.every((x) => x === 0))
    expect(await grad(loss, [z])[0]!.data()).toSatisfy((g: Float64Array) => g.some((x) => x !== 0))
  })
})

describe('the published losses', () => {
  test('stand in the registry under their ids', () => {
    for (const [name, loss] of Object.entries(published)) expect(losses.get(name)).toBe(loss)
    expect(losses.size).toBe(Object.keys(published).length)
  })

  test('say what they are and where their defaults come from', () => {
    for (const { id, about, parameters } of losses.values()) {
      expect(about.title, id).toBeTruthy()
      expect(about.formula, id).toBeTruthy()
      if (id !== 'ce') expect(about.paper, id).toMatch(/: .+ \d{4}/)
      for (const [name, { source }] of Object.entries(parameters))
        expect(source, `${id}.${name}`).toBeTruthy()
    }
  })

  test('cannot have their defaults changed', () => {
    expect(() => Object.assign(kldiv.defaults, { temperature: 1 })).toThrow(TypeError)
  })

  test('that need no teacher work without one', async () => {
    expect(await ce({ student, labels: y }).item()).toBeGreaterThan(0)
  })
})

const empty = { logits: zeros([0, 3]) }
const int = tensor(Int32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
const untyped = (value: unknown) => value as never

/** Bad input and the whole sentence that answers it. */
const CASES: readonly (readonly [call: () => unknown, kind: string, message: string])[] = [
  [
    () => kldiv({ student, teacher: { logits: tensor([[1, 2, 3]]) } }),
    'ShapeError',
    'kldiv: student and teacher logits differ in shape, got [2, 3] and [1, 3]. Give logits of the same samples and classes.',
  ],
  [
    () => dist({ student: { logits: tensor([1, 2, 3]) }, teacher }),
    'ShapeError',
    'dist: student logits must be [N, C], got [3]. Reshape them.',
  ],
  [
    () => kldiv({ student, teacher: { logits: t.unsqueeze(0) } }),
    'ShapeError',
    'kldiv: teacher logits must be [N, C], got [1, 2, 3]. Reshape them.',
  ],
  [
    () => dkd({ student: empty, teacher: empty, labels: tensor(new Int32Array(0)) }),
    'ShapeError',
    'dkd: the batch is empty, got student logits [0, 3]. Give at least one sample and one class.',
  ],
  [
    () => ce({ student, labels: tensor(Int32Array.of(0, 1, 2)) }),
    'ShapeError',
    "ce: the labels do not fit the logits, got int [3] and [2, 3]. Give class numbers [2] as an 'int' tensor, or soft targets [2, 3].",
  ],
  [
    () => dkd({ student, teacher, labels: tensor([0, 1]) }),
    'ShapeError',
    "dkd: the labels do not fit the logits, got float [2] and [2, 3]. Give class numbers [2] as an 'int' tensor, or soft targets [2, 3].",
  ],
  [
    () => dkd({ student, teacher, labels: tensor(Int32Array.of(0, 3)) }),
    'ValueError',
    'dkd: label 3 of sample 1 is out of range, got 3 classes. Use 0 to 2.',
  ],
  [
    () => ce({ student, labels: tensor(Int32Array.of(-1, 0)) }),
    'ValueError',
    'ce: label -1 of sample 0 is out of range, got 3 classes. Use 0 to 2.',
  ],
  [
    () => dkd(untyped({ student, teacher })),
    'ValueError',
    'dkd: needs labels, got none. Give class numbers [N] or soft targets [N, C] as labels in the batch.',
  ],
  [
    () => kldiv(untyped({ student })),
    'ValueError',
    'kldiv: needs a teacher, got none. Give teacher: { logits } in the batch.',
  ],
  [
    () => kldiv(untyped({ student: z, teacher })),
    'ValueError',
    'kldiv: student logits must be a tensor, got undefined. Give student: { logits } in the batch.',
  ],
  [
    () => kldiv(untyped({ student: { logits: int }, teacher })),
    'ValueError',
    'kldiv: student logits must be a float tensor, got int [2, 3]. Convert them with toFloat().',
  ],
  [
    () => dkd({ student, teacher, labels: y }, untyped({ temprature: 2 })),
    'ValueError',
    'dkd: there is no parameter temprature, got temprature = 2. Choose from alpha, beta, temperature.',
  ],
  [
    () => ce({ student, labels: y }, untyped({ temperature: 2 })),
    'ValueError',
    'ce: there is no parameter temperature, got temperature = 2. It takes none.',
  ],
  [
    () => kldiv({ student, teacher }, { temperature: 0 }),
    'ValueError',
    'kldiv: temperature must be positive, got 0. Its default is 4.',
  ],
  [
    () => kldiv({ student, teacher }, { temperature: -4 }),
    'ValueError',
    'kldiv: temperature must be positive, got -4. Its default is 4.',
  ],
  [
    () => dist({ student, teacher }, { beta: Number.NaN }),
    'ValueError',
    'dist: beta must be a finite number, got NaN. Its default is 1.',
  ],
  [
    () => dist({ student, teacher }, { gamma: Number.POSITIVE_INFINITY }),
    'ValueError',
    'dist: gamma must be a finite number, got Infinity. Its default is 1.',
  ],
  [
    () => dist({ student, teacher }, untyped({ gamma: '2' })),
    'ValueError',
    'dist: gamma must be a finite number, got 2. Its default is 1.',
  ],
  [
    () => defineLoss('odd', { temperature: 0 }, ({ student }) => student.logits.mean()),
    'ValueError',
    'odd: temperature must be positive, got 0. Its default is 0.',
  ],
  [
    () => defineLoss('my loss', {}, () => z),
    'ValueError',
    "my loss: an id is a name of letters and digits, got 'my loss'. Write it as in myLoss.",
  ],
  [
    () => defineLoss('dotted', { 'a.b': 1 }, () => z),
    'ValueError',
    "dotted: a parameter is a name of letters and digits, got 'a.b'. Write it as in myScale.",
  ],
  [
    () => defineLoss('without', {}, untyped(undefined)),
    'ValueError',
    'without: the formula must be a function, got undefined. Give it last.',
  ],
  [
    () => defineLoss('misspelt', untyped({ need: ['labels'] }), () => z),
    'ValueError',
    'misspelt: a specification has no entry of that name, got need. It has title, paper, formula, variant, defaults, needs, strongView, layers, mix, adapters, state, preliminary, predict; plain numbers, texts and booleans are defaults.',
  ],
  [
    () => defineLoss('needy', untyped({ needs: ['lables'] }), () => z),
    'ValueError',
    `needy: there is no such need, got lables. Choose from ${Object.keys(needs).join(', ')}.`,
  ],
  [
    () => defineLoss('layered', untyped({ needs: [], layers: 'all' }), () => z),
    'ValueError',
    'layered: there is no such kind of layers, got all. Choose from pooled, last map, middle map, maps, maps and stem, pre-activations, maps and pooled.',
  ],
  [
    () => defineLoss('heavy', { weight: 1 }, () => z),
    'ValueError',
    "heavy: weight is a name of the trainer's, got it as a parameter. Call the parameter something else.",
  ],
  [
    () =>
      defineLoss('failing', {}, () => {
        throw new TypeError('no.')
      })({ student, teacher }),
    'ValueError',
    'failing: its formula failed, got TypeError: no. Mend the formula.',
  ],
  [
    () => defineLoss('perSample', {}, ({ student }) => student.logits.sum(1))({ student, teacher }),
    'ShapeError',
    'perSample: the loss is not a scalar, got [2]. Reduce it, for example with mean().',
  ],
  [
    () => defineLoss('constant', {}, () => untyped(3))({ student, teacher }),
    'ValueError',
    'constant: the formula must return a tensor, got number. Return the loss.',
  ],
]

test.each(CASES)('%s gives a %s', (call, kind, message) => {
  expect(call).toThrow(expect.objectContaining({ name: kind, message }))
})
