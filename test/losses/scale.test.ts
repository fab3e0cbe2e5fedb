import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { device, grad, tensor } from '../../src/index.ts'
import { type AnyLoss, at, cc, ickd, nst, pkt, rkd, type Settings, sp } from '../../src/losses/index.ts'
import { Random } from '../../src/random.ts'
import { testDevice } from '../setup.ts'

// Losses that do not see the scale of the student's features, in float32: their squares and products must not leave it,
// and where the features are all but 0 the gradient must stay sensible.

const random = new Random(3)
const values = (...shape: number[]) => ({ shape, data: random.normals(shape.reduce((a, b) => a * b)) })
const STUDENT = { map: values(4, 3, 4, 4), pooled: values(4, 6) }
const TEACHER = { map: values(4, 3, 4, 4), pooled: values(4, 5) }

const sideOf = ({ map, pooled }: typeof STUDENT, scale: number) => {
  const scaled = ({ shape, data }: typeof map) =>
    tensor(
      data.map((x) => x * scale),
      shape,
    )
  return {
    logits: tensor(new Float32Array(8), [4, 2]),
    features: { map: scaled(map), pooled: scaled(pooled) },
  }
}

const cases: readonly (readonly [name: string, loss: AnyLoss, params: Settings])[] = [
  ['at', at, {}],
  ['at, p 4', at, { p: 4 }],
  ['at, p 1', at, { p: 1 }],
  ['sp', sp, {}],
  ['ickd', ickd, { adapter: false }],
  ['nst', nst, {}],
  ['cc, bilinear', cc, { kernel: 'bilinear' }],
  ['cc, rbf', cc, {}],
  ['pkt', pkt, {}],
  ['rkd', rkd, {}],
]

describe.each(['reference', 'gpujs-wasm'])('on %s', (name) => {
  beforeAll(() => device(name))
  afterAll(() => device(testDevice))

  const compute = async (loss: AnyLoss, params: Settings, scale: number) => {
    const student = sideOf(STUDENT, scale)
    const batch = { student, teacher: sideOf(TEACHER, 1) }
    const value = loss.prepare(batch, params)(batch)
    const gradients = grad(value, Object.values(student.features))
    const largest = await Promise.all(gradients.map((g) => g.abs().amax().item()))
    return { value: await value.item(), largest: Math.max(...largest) }
  }

  test.each(cases)(
    '%s does not see that the student is 1e4 to 1e15 times as large',
    async (_, loss, params) => {
      const { value, largest } = await compute(loss, params, 1)
      for (const scale of [1e4, 1e10, 1e15]) {
        const scaled = await compute(loss, params, scale)
        expect(scaled.value / value).toBeCloseTo(1, 4)
        expect((scaled.largest * scale) / largest).toBeCloseTo(1, 3)
      }
    },
  )

  test.each(cases)('%s has a sensible gradient where the student is all but 0', async (_, loss, params) => {
    for (const scale of [1e-3, 1e-6, 1e-9, 1e-12, 1e-20]) {
      const { value, largest } = await compute(loss, params, scale)
      expect(value).toSatisfy(Number.isFinite)
      expect(largest).toBeLessThan(1e6)
    }
  })
})
