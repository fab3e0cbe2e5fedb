import { describe, expect, test } from 'vitest'
import { batchNorm, grad, realize, type Tensor, tensor } from '../../src/index.ts'
import { BatchNorm2d } from '../../src/nn/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'
import { closeness } from '../support/closeness.ts'

const [N, C, H, W] = [3, 2, 4, 5]
const COUNT = N * H * W
const images = (seed: number) => tensor(new Random(seed).normals(N * C * H * W, 1, 2), [N, C, H, W])

/** Mean and biased variance per channel, in plain loops. */
function statisticsOf(x: Tensor): { mean: number[]; variance: number[] } {
  const values = Array.from({ length: C }, (_, c) =>
    Array.from(x.host!).filter((_, i) => Math.floor(i / (H * W)) % C === c),
  )
  const mean = values.map((v) => v.reduce((sum, a) => sum + a, 0) / COUNT)
  const variance = values.map((v, c) => v.reduce((sum, a) => sum + (a - mean[c]!) ** 2, 0) / COUNT)
  return { mean, variance }
}

const normalised = (x: Tensor, { mean, variance }: { mean: number[]; variance: number[] }) =>
  Array.from(x.host!, (v, i) => {
    const c = Math.floor(i / (H * W)) % C
    return (v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)
  })

const runningOf = async (bn: BatchNorm2d) => ({
  mean: Array.from(await bn.runningMean.data()),
  variance: Array.from(await bn.runningVar.data()),
})

/** The running statistics after a batch, by hand. */
function moved(before: { mean: number[]; variance: number[] }, x: Tensor, momentum = 0.1) {
  const { mean, variance } = statisticsOf(x)
  const unbiased = COUNT / (COUNT - 1)
  return {
    mean: before.mean.map((m, c) => m * (1 - momentum) + mean[c]! * momentum),
    variance: before.variance.map((v, c) => v * (1 - momentum) + variance[c]! * unbiased * momentum),
  }
}

const start = { mean: [0, 0], variance: [1, 1] }
const step = (bn: BatchNorm2d, loss: Tensor) => new SGD(bn.parameters(), { lr: 0 }).step(loss)

describe('BatchNorm2d in training', () => {
  test('normalises with the batch’s own biased statistics', async () => {
    const x = images(1)
    const y = new BatchNorm2d(C).forward(x)
    expect(closeness(await y.data(), normalised(x, statisticsOf(x)))).toBeLessThan(1)
  })

  test('moves the running statistics in the step, not in forward', async () => {
    const bn = new BatchNorm2d(C)
    const x = images(1)
    const y = bn.forward(x)
    await y.data()
    expect(await runningOf(bn)).toEqual(start)
    await step(bn, y.square().mean())
    const wanted = moved(start, x)
    expect(closeness((await runningOf(bn)).mean, wanted.mean)).toBeLessThan(1)
    expect(closeness((await runningOf(bn)).variance, wanted.variance)).toBeLessThan(1)
  })

  test('chains two uses in one step in the order of forward', async () => {
    const bn = new BatchNorm2d(C, { momentum: 0.4 })
    const [first, second] = [images(1), images(2)]
    const one = bn.forward(first).square().mean()
    const two = bn.forward(second).abs().mean()
    await step(bn, two.add(one))
    const wanted = moved(moved(start, first, 0.4), second, 0.4)
    expect(closeness((await runningOf(bn)).mean, wanted.mean)).toBeLessThan(1)
    expect(closeness((await runningOf(bn)).variance, wanted.variance)).toBeLessThan(1)
  })

  test('counts each use once, also where its output lives on into the next step', async () => {
    const bn = new BatchNorm2d(C)
    const x = images(1)
    const y = bn.forward(x)
    await step(bn, y.square().mean())
    await step(bn, y.mul(bn.weight.sum()).mean())
    expect(closeness((await runningOf(bn)).mean, moved(start, x).mean)).toBeLessThan(1)
  })

  test('gives a constant channel its bias, with a finite gradient', async () => {
    const bn = new BatchNorm2d(1)
    const x = tensor(new Float64Array(8).fill(3), [2, 1, 2, 2])
    const y = bn.forward(x)
    const [dx] = grad(y.square().sum(), [x])
    await realize(y, dx!)
    expect(Array.from(await y.data())).toEqual(new Array(8).fill(0))
    expect(Array.from(await dx!.data()).every(Number.isFinite)).toBe(true)
  })
})

test('BatchNorm2d in evaluation normalises with the running statistics and moves nothing', async () => {
  const bn = new BatchNorm2d(C)
  const running = { mean: [0.5, -1], variance: [2, 0.25] }
  bn.loadStateDict(
    new Map([
      ['weight', tensor([1, 2])],
      ['bias', tensor([0, 0.5])],
      ['running_mean', tensor(running.mean)],
      ['running_var', tensor(running.variance)],
    ]),
  )
  const x = images(3)
  const y = bn.eval().forward(x)
  const wanted = normalised(x, running).map((v, i) => (Math.floor(i / (H * W)) % C === 0 ? v : 2 * v + 0.5))
  expect(closeness(await y.data(), wanted)).toBeLessThan(1)
  await step(bn, y.square().mean())
  expect(await runningOf(bn)).toEqual(running)
})

describe('what makes no sense', () => {
  test.each<[string, () => unknown, string]>([
    [
      'no channels',
      () => batchNorm(tensor([1, 2])),
      'batchNorm: wrong number of dims, got [2]. Expected [N, C] or [N, C, ...]; add dims with reshape.',
    ],
    [
      'a weight of another length',
      () => batchNorm(images(1), { weight: tensor([1, 2, 3]), training: true }),
      'batchNorm: statistics, weight and bias hold one value per channel, got [3] and [3, 2, 4, 5]. Expected [2].',
    ],
    [
      'evaluation without statistics',
      () => batchNorm(images(1)),
      'batchNorm: evaluation needs the running statistics, got none. Give runningMean and runningVar, or set training.',
    ],
    [
      'one value per channel',
      () => batchNorm(tensor([[1, 2]]), { training: true }),
      'batchNorm: training needs more than one value per channel, got [1, 2]. Use a larger batch, or evaluate.',
    ],
    [
      'vectors for BatchNorm2d',
      () => new BatchNorm2d(2).forward(tensor([[1, 2]])),
      'BatchNorm2d: wrong number of dims, got [1, 2]. Expected [N, C, H, W]; add dims with reshape.',
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message)
  })
})
