import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { currentDevice } from '../../src/device/current.ts'
import { type Tensor, tensor } from '../../src/index.ts'
import { Adam, cosine, type Optimizer, SGD } from '../../src/optim/index.ts'
import { closeness } from '../support/closeness.ts'

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true })

/** A parameter and its gradients over several steps. */
const runs = fc.integer({ min: 1, max: 4 }).chain((size) => {
  const values = fc.array(number(-2, 2), { minLength: size, maxLength: size })
  return fc.record({ start: values, gradients: fc.array(values, { minLength: 1, maxLength: 6 }) })
})
type Run = typeof runs extends fc.Arbitrary<infer R> ? R : never

/** The parameter after the last step, as the optimizer has it. */
async function trained({ start, gradients }: Run, make: (p: Tensor) => Optimizer) {
  const p = tensor([...start])
  const optimizer = make(p)
  for (const g of gradients) await optimizer.stepWith([tensor([...g])])
  return p.data()
}

async function agree(got: ArrayLike<number>, wanted: readonly number[]) {
  const { precision } = await currentDevice()
  expect(closeness(got, wanted, { tolerance: precision === 'float64' ? 1e-12 : 1e-4 })).toBeLessThanOrEqual(1)
}

const sgdSettings = fc
  .record({
    lr: number(0, 0.5),
    momentum: fc.constantFrom(0, 0.5, 0.9),
    dampening: fc.constantFrom(0, 0.3),
    nesterov: fc.boolean(),
    weightDecay: fc.constantFrom(0, 0.1),
  })
  .map((s) => ({ ...s, nesterov: s.nesterov && s.momentum > 0 && s.dampening === 0 }))

test('SGD is the hand-written loop of PyTorch’s definition', () =>
  fc.assert(
    fc.asyncProperty(runs, sgdSettings, async (run, settings) => {
      const { lr, momentum, dampening, nesterov, weightDecay } = settings
      const wanted = [...run.start]
      const velocity: number[] = []
      run.gradients.forEach((gradient, step) => {
        wanted.forEach((p, i) => {
          let g = gradient[i]! + weightDecay * p
          if (momentum > 0) {
            velocity[i] = step === 0 ? g : momentum * velocity[i]! + (1 - dampening) * g
            g = nesterov ? g + momentum * velocity[i]! : velocity[i]!
          }
          wanted[i] = p - lr * g
        })
      })
      await agree(await trained(run, (p) => new SGD([p], settings)), wanted)
    }),
  ))

test('Adam is the hand-written loop of PyTorch’s definition', () =>
  fc.assert(
    fc.asyncProperty(
      runs,
      fc.record({
        lr: number(0, 0.1),
        betas: fc.constantFrom<[number, number]>([0.9, 0.999], [0.5, 0.9]),
        eps: fc.constantFrom(1e-8, 1e-2),
        weightDecay: fc.constantFrom(0, 0.1),
        amsgrad: fc.boolean(),
      }),
      async (run, settings) => {
        const { lr, betas, eps, weightDecay, amsgrad } = settings
        const wanted = [...run.start]
        const [first, second, largest] = [0, 1, 2].map(() => wanted.map(() => 0)) as [
          number[],
          number[],
          number[],
        ]
        run.gradients.forEach((gradient, step) => {
          wanted.forEach((p, i) => {
            const g = gradient[i]! + weightDecay * p
            first[i] = betas[0] * first[i]! + (1 - betas[0]) * g
            second[i] = betas[1] * second[i]! + (1 - betas[1]) * g * g
            largest[i] = Math.max(largest[i]!, second[i]!)
            const scale = (amsgrad ? largest[i]! : second[i]!) / (1 - betas[1] ** (step + 1))
            wanted[i] = p - ((lr / (1 - betas[0] ** (step + 1))) * first[i]!) / (Math.sqrt(scale) + eps)
          })
        })
        await agree(await trained(run, (p) => new Adam([p], settings)), wanted)
      },
    ),
  ))

describe('cosine', () => {
  test('starts at the base, is at half of it halfway and ends at the floor', () => {
    expect(cosine(0.4, 0, 10)).toBe(0.4)
    expect(cosine(0.4, 5, 10)).toBeCloseTo(0.2, 12)
    expect(cosine(0.4, 10, 10)).toBeCloseTo(0, 12)
    expect(cosine(0.4, 10, 10, 0.1)).toBeCloseTo(0.1, 12)
  })

  test('needs a length', () => {
    expect(() => cosine(0.1, 0, 0)).toThrow(
      'cosine: the number of steps must be positive, got 0. Give the length of the run.',
    )
  })
})
