import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DistillBatch, distillBatch } from '../../src/check/index.ts'
import { crossEntropy, grad, softmax, type Tensor, tensor } from '../../src/index.ts'
import {
  ce,
  cskd,
  ddgsd,
  dml,
  kldiv,
  losses,
  type Prepared,
  pskd,
  tfkd,
  tfkdReg,
} from '../../src/losses/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { testDevice } from '../setup.ts'
import { onDevice, same as sameWithin } from '../support/same.ts'
import { thrownBy } from '../support/thrown.ts'

// Losses by which a network learns from itself, or from one that learns beside it: none needs a teacher.

const same = (got: Tensor, wanted: Tensor) => sameWithin(got, wanted, onDevice(1e-12, 2e-5))

const zeroLike = (x: Tensor): Tensor => x.detach().mul(0)

const check = (property: (batch: DistillBatch, temperature: number) => Promise<void>) =>
  fc.assert(fc.asyncProperty(distillBatch(), fc.constantFrom(0.5, 1, 4), property))

/** Gradient in the student's logits. */
const gradient = (loss: Tensor, { student }: { readonly student: { readonly logits: Tensor } }): Tensor =>
  grad(loss, [student.logits])[0]!

/** Class probabilities [N, C] of class numbers. */
const oneHot = (labels: ArrayLike<number>, classes: number): Tensor =>
  tensor(Array.from(labels, (label) => Array.from({ length: classes }, (_, k) => (k === label ? 1 : 0))))

test.each(['cskd', 'ddgsd', 'dml', 'pskd', 'tfkd', 'tfkdReg'])('%s needs no teacher', (id) =>
  check(async ({ teacher: _, ...alone }) => {
    const loss = losses.get(id)!
    expect(loss.needs).not.toContain('teacher')
    expect(await loss.prepare(alone)(alone).item()).toSatisfy(Number.isFinite)
  }),
)

describe('pskd', () => {
  const at = (batch: DistillBatch, epoch: number) => ({ ...batch, progress: { ...batch.progress, epoch } })
  const step = (loss: Prepared, batch: DistillBatch) =>
    new SGD([batch.student.logits], { lr: 1 }).step(loss(batch))

  test('is the cross-entropy in the first epoch', () =>
    check(async (batch) => {
      const first = at(batch, 1)
      const loss = pskd.prepare(first)(first)
      await same(loss, ce(batch))
      await same(gradient(loss, batch), gradient(ce(batch), batch))
    }))

  test('remembers what the student said, and nothing of other samples', () =>
    check(async (batch) => {
      const loss = pskd.prepare(at(batch, 1))
      const { size, classes, labels } = batch.trainingSet
      const said = (await softmax(batch.student.logits, 1).toArray()) as number[][]
      const wanted = (await oneHot(labels, classes).toArray()) as number[][]
      batch.index.host!.forEach((place, i) => {
        wanted[place] = said[i]!
      })
      await step(loss, at(batch, 1))
      await same(loss.own.state.predictions!, tensor(wanted, [size, classes]))
    }))

  test('mixes in what the epoch before wrote, in whatever order the samples come', () =>
    check(async (batch) => {
      const loss = pskd.prepare(at(batch, 1))
      const said = tensor((await softmax(batch.student.logits, 1).toArray()) as number[][])
      await step(loss, at(batch, 1))
      const second = {
        ...at(batch, 2),
        student: { logits: batch.student.logits.detach().mul(0.5) },
        index: tensor(Int32Array.from(batch.index.host!).reverse()),
        labels: tensor(Int32Array.from(batch.labels.host!).reverse()),
      }
      const a = (0.8 * 2) / 4
      const target = oneHot(second.labels.host!, batch.trainingSet.classes)
        .mul(1 - a)
        .add(said.flip([0]).mul(a))
      await same(loss(second), crossEntropy(second.student.logits, target))
    }))

  test('a sample that no epoch has shown keeps its label', () =>
    check(async (batch) => {
      const third = at(batch, 3)
      await same(pskd.prepare(third)(third), ce(batch))
    }))

  test('takes soft labels as they are', () =>
    check(async (batch) => {
      const soft = at({ ...batch, labels: softmax(batch.teacher.logits, 1) } as never, 1)
      await same(pskd.prepare(soft)(soft), ce(soft))
    }))

  test('forgets nothing and learns nothing in evaluation mode', async () => {
    const [batch] = fc.sample(distillBatch(), { numRuns: 1, seed: 1 })
    const loss = pskd.prepare(batch!)
    const before = await loss.own.state.predictions!.toArray()
    loss.own.eval()
    await step(loss, batch!)
    expect(await loss.own.state.predictions!.toArray()).toEqual(before)
  })
})

describe('dml', () => {
  test('is symmetric in the two networks, up to their cross-entropies', () =>
    check(async (batch, temperature) => {
      const swapped = { ...batch, student: batch.peer, peer: batch.student }
      const total = dml(batch, { temperature }).add(ce(batch))
      const other = dml(swapped, { temperature }).add(ce(swapped))
      await same(total, other)
      for (const { logits } of [batch.student, batch.peer])
        await same(grad(total, [logits])[0]!, grad(other, [logits])[0]!)
    }))

  test('has each network learn from the other as kldiv learns from a teacher', () =>
    check(async (batch, temperature) => {
      const { student, peer, labels } = batch
      const loss = dml(batch, { temperature })
      const fromPeer = kldiv({ student, teacher: peer }, { temperature })
      const fromStudent = kldiv({ student: peer, teacher: student }, { temperature })
      await same(gradient(loss, batch), gradient(fromPeer, batch))
      await same(
        grad(loss, [peer.logits])[0]!,
        grad(fromStudent.add(ce({ student: peer, labels })), [peer.logits])[0]!,
      )
    }))

  test('is the cross-entropy of the peer where both say the same', () =>
    check(async (batch, temperature) => {
      const equal = { ...batch, peer: { logits: batch.student.logits.detach() } }
      const loss = dml(equal, { temperature })
      await same(loss, ce(batch))
      await same(gradient(loss, batch), zeroLike(batch.student.logits))
    }))
})

describe('cskd', () => {
  test('is kldiv with the partner as teacher, who gets no gradient', () =>
    check(async (batch, temperature) => {
      const loss = cskd(batch, { temperature })
      const wanted = kldiv({ ...batch, teacher: batch.partner }, { temperature })
      await same(loss, wanted)
      await same(gradient(loss, batch), gradient(wanted, batch))
      await same(grad(loss, [batch.partner.logits])[0]!, zeroLike(batch.partner.logits))
    }))
})

describe('tfkd', () => {
  test('is kldiv with the former self as teacher', () =>
    check(async (batch, temperature) => {
      const loss = tfkd(batch, { temperature })
      const wanted = kldiv({ ...batch, teacher: batch.formerSelf }, { temperature })
      await same(loss, wanted)
      await same(gradient(loss, batch), gradient(wanted, batch))
    }))

  test("divides by the classes too with the reduction 'mean'", () =>
    check(async (batch, temperature) => {
      const classes = batch.student.logits.shape[1]!
      await same(
        tfkd(batch, { temperature, reduction: 'mean' }).mul(classes),
        tfkd(batch, { temperature, reduction: 'batchmean' }),
      )
    }))
})

describe('tfkdReg', () => {
  /** The virtual teacher's probabilities, [N, C]. */
  const virtual = ({ labels, student }: DistillBatch): number[][] => {
    const classes = student.logits.shape[1]!
    return Array.from(labels.host!, (label) =>
      Array.from({ length: classes }, (_, k) => (k === label ? 0.99 : 0.01 / (classes - 1))),
    )
  }
  const normalised = (weights: readonly number[]) => {
    const total = weights.reduce((a, b) => a + b)
    return weights.map((w) => w / total)
  }

  test("'published' pulls to the softmax of the probabilities, whatever the student's temperature", () =>
    check(async (batch, temperature) => {
      const target = virtual(batch).map((u) => normalised(u.map((p) => Math.exp(p / temperature))))
      const { logits } = batch.student
      const wanted = softmax(logits, 1).sub(tensor(target)).div(logits.shape[0]!)
      await same(gradient(tfkdReg(batch, { temperature }), batch), wanted)
    }))

  test("'meant' pulls the softened student to the softened virtual teacher", () =>
    check(async (batch, temperature) => {
      const target = virtual(batch).map((u) => normalised(u.map((p) => p ** (1 / temperature))))
      const { logits } = batch.student
      const wanted = softmax(logits.div(temperature), 1)
        .sub(tensor(target))
        .div(temperature * logits.shape[0]!)
      await same(gradient(tfkdReg(batch, { temperature, form: 'meant' }), batch), wanted)
    }))

  test("'meant' has the gradient of label smoothing at T 1", () =>
    check(async (batch) => {
      const { student, labels } = batch
      const classes = student.logits.shape[1]!
      // Smoothing spreads its share over all classes, the label's own among them.
      const smoothed = crossEntropy(student.logits, labels, {
        labelSmoothing: (0.01 * classes) / (classes - 1),
      })
      const loss = tfkdReg(batch, { temperature: 1, form: 'meant' })
      await same(gradient(loss, batch), gradient(smoothed, batch))
    }))

  test("'meant' is 0 for a student that says what the virtual teacher says", () =>
    check(async (batch, temperature) => {
      const student = { logits: tensor(virtual(batch).map((u) => u.map(Math.log))) }
      const loss = tfkdReg({ ...batch, student }, { temperature, form: 'meant' })
      await same(loss, zeroLike(loss))
    }))

  test('takes of soft labels the first largest entry', () =>
    check(async (batch, temperature) => {
      const { student, labels } = batch
      const soft = Array.from(labels.host!, (label) =>
        Array.from({ length: student.logits.shape[1]! }, (_, k) => (k >= label ? 0.5 : 0.25)),
      )
      await same(
        tfkdReg({ student, labels: tensor(soft) }, { temperature }),
        tfkdReg({ student, labels }, { temperature }),
      )
    }))

  test.each(['published', 'meant'] as const)('%s is 0 with one class', async (form) => {
    const student = { logits: tensor([[3], [-2]]) }
    const loss = tfkdReg({ student, labels: tensor(Int32Array.of(0, 0)) }, { form })
    expect(Math.abs(await loss.item())).toBe(0)
    expect((await gradient(loss, { student }).data()).every((x) => x === 0)).toBe(true)
  })
})

describe('ddgsd', () => {
  test('is the cross-entropy where both views are equal, and nothing else has a gradient', () =>
    check(async (batch, temperature) => {
      const equal = { ...batch, view: { student: batch.student } }
      const loss = ddgsd(equal, { temperature })
      await same(loss, ce(batch))
      await same(gradient(loss, batch), gradient(ce(batch), batch))
      const { penultimate } = batch.student.features as Record<string, Tensor>
      await same(grad(loss, [penultimate!])[0]!, zeroLike(penultimate!))
    }))

  test('does not care which view is which', () =>
    check(async (batch, temperature) => {
      const swapped = { ...batch, student: batch.view.student, view: { student: batch.student } }
      const [loss, other] = [ddgsd(batch, { temperature }), ddgsd(swapped, { temperature })]
      await same(loss, other)
      await same(gradient(loss, batch), gradient(other, batch))
    }))

  test('teaches each view as kldiv does, and half of its labels', () =>
    check(async (batch, temperature) => {
      const { student, labels, view } = batch
      const loss = ddgsd(batch, { temperature, mmd: 0 })
      for (const [me, other] of [
        [student, view.student],
        [view.student, student],
      ] as const) {
        const wanted = kldiv({ student: me, teacher: other }, { temperature }).add(
          ce({ student: me, labels }).mul(0.5),
        )
        await same(grad(loss, [me.logits])[0]!, grad(wanted, [me.logits])[0]!)
      }
    }))

  test.each(['auto', 'penultimate', 'stage2,penultimate'])(
    'compares batch means feature by feature: layers %s',
    (layers) =>
      check(async (batch) => {
        const named = layers === 'auto' ? ['penultimate'] : layers.split(',')
        const apart = named.map((name) => {
          const [a, b] = [batch.student.features![name]!, batch.view.student.features![name]!]
          return a.mean(0).sub(b.mean(0)).square().sum()
        })
        const parts = (mmd: number) => ddgsd(batch, { mmd, layers })
        await same(parts(0.25).sub(parts(0)), apart.reduce((a, b) => a.add(b)).mul(0.25))
      }),
  )
})

describe('values of the published code at T 1 and 4', () => {
  const logits = (f: (i: number) => number) =>
    tensor(
      Float64Array.from({ length: 20 }, (_, i) => f(i)),
      [4, 5],
    )
  const student = { logits: logits((i) => 2 * Math.sin(1 + 0.7 * i)) }
  const other = { logits: logits((i) => 3 * Math.cos(0.5 + 0.9 * i)) }
  const labels = tensor(Int32Array.of(1, 3, 0, 2))
  // Of the classic divergence and of cross-entropy, from shared/specs/kd-methods.md, section 7.
  const rows: readonly (readonly [string, () => Tensor, value: number, norm: number, first: number])[] = [
    ['cskd', () => cskd({ student, partner: other }), 3.33532018494, 0.573563748559, -0.161792387448],
    [
      'tfkd, T 4',
      () => tfkd({ student, formerSelf: other }, { temperature: 4 }),
      3.33532018494,
      0.573563748559,
      -0.161792387448,
    ],
    [
      'tfkd, T 1, mean',
      () => tfkd({ student, formerSelf: other }, { temperature: 1, reduction: 'mean' }).mul(5),
      1.79211298225,
      0.381281564484,
      -0.142980127188,
    ],
    [
      'dml, one way',
      () => {
        const peer = { logits: other.logits.detach() }
        const back = kldiv({ student: peer, teacher: student }, { temperature: 1 })
        return dml({ student, peer, labels })
          .sub(ce({ student: peer, labels }))
          .sub(back)
      },
      1.79211298225,
      0.381281564484,
      -0.142980127188,
    ],
    [
      'pskd, epoch 1',
      () => {
        const batch = {
          student,
          labels,
          index: tensor(Int32Array.of(0, 1, 2, 3)),
          trainingSet: { size: 4, classes: 5, labels: Int32Array.from(labels.host!) },
          progress: { epoch: 1, epochs: 10, step: 0 },
        }
        return pskd.prepare(batch)(batch)
      },
      1.2487983384,
      0.42857019501,
      0.0752002456952,
    ],
  ]

  test.each(rows)('%s', async (_, loss, value, norm, first) => {
    const g = gradient(loss(), { student })
    const near = async (t: Tensor, wanted: number) =>
      expect(Math.abs((await t.item()) / wanted - 1)).toBeLessThan(testDevice === 'reference' ? 1e-10 : 1e-5)
    await near(loss(), value)
    await near(g.square().sum().sqrt(), norm)
    await near(
      g.slice([
        [0, 1],
        [0, 1],
      ]),
      first,
    )
  })
})

describe('what is missing or does not fit is said', () => {
  const student = {
    logits: tensor([
      [1, 0, -1],
      [0, 2, 1],
    ]),
  }
  const labels = tensor(Int32Array.of(0, 1))
  const untyped = (batch: object) => batch as never
  const index = tensor(Int32Array.of(0, 1))
  const progress = { epoch: 1, epochs: 2, step: 0 }

  const cases: readonly (readonly [call: () => unknown, kind: string, message: string])[] = [
    [
      () => dml(untyped({ student, labels })),
      'ValueError',
      "dml: needs a peer, got none. Give the other student's output as peer in the batch.",
    ],
    [
      () => dml({ student, labels, peer: { logits: tensor([[1, 0, 0]]) } }),
      'ShapeError',
      'dml: student and peer logits differ in shape, got [2, 3] and [1, 3]. Give logits of the same samples and classes.',
    ],
    [
      () => cskd(untyped({ student, labels })),
      'ValueError',
      "cskd: needs partners, got none. Give the student's output for other samples of the same classes as partner in the batch.",
    ],
    [
      () => tfkd(untyped({ student })),
      'ValueError',
      'tfkd: needs a former self, got none. Give the output of the same network trained before as formerSelf in the batch.',
    ],
    [
      () => tfkd({ student, formerSelf: student }, { reduction: 'sum' as never }),
      'ValueError',
      'tfkd: reduction must be one of batchmean, mean, got sum. Its default is batchmean.',
    ],
    [
      () => tfkdReg({ student, labels }, { form: 'right' as never }),
      'ValueError',
      'tfkdReg: form must be one of published, meant, got right. Its default is published.',
    ],
    [
      () => ddgsd(untyped({ student, labels })),
      'ValueError',
      'ddgsd: needs a second view, got none. Give view: { student, teacher } of other augmentations in the batch.',
    ],
    [
      () => ddgsd({ student, labels, view: { student } }),
      'ValueError',
      "ddgsd: the student gives nothing to compare, got features none where a vector or a map is needed. Give student: { logits, features } as a model's forward returns them.",
    ],
    [
      () =>
        pskd.prepare({
          student,
          labels,
          index,
          progress,
          trainingSet: { size: 2, classes: 4, labels: Int32Array.of(0, 3) },
        }),
      'ShapeError',
      "pskd: the student must have the classes of the training set, got 3 and 4. Change the student's last layer.",
    ],
    [
      () => pskd(untyped({ student })),
      'ValueError',
      'pskd: it has adapters or state of its own, got a call without them. Call pskd.prepare(batch) once, and then what it returns.',
    ],
    [
      () =>
        pskd.prepare({
          student,
          labels,
          index: tensor(Int32Array.of(0, 2)),
          progress,
          trainingSet: { size: 2, classes: 3, labels: Int32Array.of(0, 1) },
        }),
      'ValueError',
      'pskd: an index is no sample of the training set, got 2 of 2. Use 0 to 1.',
    ],
  ]

  test.each(cases.map(([call, kind, message]) => ({ call, kind, message })))(
    '$message',
    ({ call, kind, message }) => {
      const error = thrownBy(call)
      expect(error.name).toBe(kind)
      expect(error.message).toBe(message)
    },
  )
})
