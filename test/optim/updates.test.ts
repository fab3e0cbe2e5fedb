import fc from 'fast-check'
import { expect, test } from 'vitest'
import { currentDevice } from '../../src/device/current.ts'
import { type Tensor, tensor } from '../../src/index.ts'
import { Adagrad, Adam, AdamW, type Optimizer, RMSprop, SGD } from '../../src/optim/index.ts'
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

const zeros = (count: number, size: number) =>
  Array.from({ length: count }, () => new Array<number>(size).fill(0)) as [number[], number[], number[]]

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

const adamSettings = fc.record({
  lr: number(0, 0.1),
  betas: fc.constantFrom<[number, number]>([0.9, 0.999], [0.5, 0.9]),
  eps: fc.constantFrom(1e-8, 1e-2),
  weightDecay: fc.constantFrom(0, 0.1),
  amsgrad: fc.boolean(),
})

test.each([Adam, AdamW])('%o is the hand-written loop of PyTorch’s definition', (Kind) =>
  fc.assert(
    fc.asyncProperty(runs, adamSettings, async (run, settings) => {
      const { lr, betas, eps, weightDecay, amsgrad } = settings
      const wanted = [...run.start]
      const [first, second, largest] = zeros(3, wanted.length)
      run.gradients.forEach((gradient, step) => {
        wanted.forEach((p, i) => {
          const [g, from] =
            Kind === Adam ? [gradient[i]! + weightDecay * p, p] : [gradient[i]!, p * (1 - lr * weightDecay)]
          first[i] = betas[0] * first[i]! + (1 - betas[0]) * g
          second[i] = betas[1] * second[i]! + (1 - betas[1]) * g * g
          largest[i] = Math.max(largest[i]!, second[i]!)
          const scale = (amsgrad ? largest[i]! : second[i]!) / (1 - betas[1] ** (step + 1))
          wanted[i] = from - ((lr / (1 - betas[0] ** (step + 1))) * first[i]!) / (Math.sqrt(scale) + eps)
        })
      })
      await agree(await trained(run, (p) => new Kind([p], settings)), wanted)
    }),
  ),
)

test('RMSprop is the hand-written loop of PyTorch’s definition', () =>
  fc.assert(
    fc.asyncProperty(
      runs,
      fc.record({
        lr: number(0, 0.1),
        alpha: fc.constantFrom(0.5, 0.9),
        // The root of a small difference of large squares has few digits left: eps keeps it out of the denominator.
        eps: fc.constantFrom(0.1, 1),
        weightDecay: fc.constantFrom(0, 0.1),
        momentum: fc.constantFrom(0, 0.9),
        centered: fc.boolean(),
      }),
      async (run, settings) => {
        const { lr, alpha, eps, weightDecay, momentum, centered } = settings
        const wanted = [...run.start]
        const [square, mean, direction] = zeros(3, wanted.length)
        for (const gradient of run.gradients)
          wanted.forEach((p, i) => {
            const g = gradient[i]! + weightDecay * p
            square[i] = alpha * square[i]! + (1 - alpha) * g * g
            if (centered) mean[i] = alpha * mean[i]! + (1 - alpha) * g
            direction[i] = momentum * direction[i]! + g / (Math.sqrt(square[i]! - mean[i]! ** 2) + eps)
            wanted[i] = p - lr * direction[i]!
          })
        await agree(await trained(run, (p) => new RMSprop([p], settings)), wanted)
      },
    ),
  ))

test('a centred RMSprop stays a number where the gradient never changes', async () => {
  const p = tensor([1, 1])
  const optimizer = new RMSprop([p], { lr: 1e-6, alpha: 0.1, eps: 1e-3, centered: true })
  for (let step = 0; step < 60; step++) await optimizer.stepWith([tensor([0.3, 0.7])])
  for (const x of await p.data()) expect(x).toBeLessThan(1)
})

test('Adagrad is the hand-written loop of PyTorch’s definition', () =>
  fc.assert(
    fc.asyncProperty(
      runs,
      fc.record({
        lr: number(0, 0.1),
        lrDecay: fc.constantFrom(0, 0.1),
        weightDecay: fc.constantFrom(0, 0.1),
        initialAccumulatorValue: fc.constantFrom(0, 0.5),
        eps: fc.constantFrom(1e-10, 1e-2),
      }),
      async (run, settings) => {
        const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps } = settings
        const wanted = [...run.start]
        const sum = wanted.map((): number => initialAccumulatorValue)
        run.gradients.forEach((gradient, step) => {
          wanted.forEach((p, i) => {
            const g = gradient[i]! + weightDecay * p
            sum[i] = sum[i]! + g * g
            wanted[i] = p - ((lr / (1 + step * lrDecay)) * g) / (Math.sqrt(sum[i]!) + eps)
          })
        })
        await agree(await trained(run, (p) => new Adagrad([p], settings)), wanted)
      },
    ),
  ))
