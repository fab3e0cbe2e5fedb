import { describe, expect, test } from 'vitest'
import { type DeviceName, openDevice } from '../../src/device/open.ts'
import { realizeOn } from '../../src/graph/realize.ts'
import { readOn } from '../../src/graph/values.ts'
import {
  ceil,
  clamp,
  cos,
  elu,
  erf,
  expm1,
  floor,
  gelu,
  grad,
  hardsigmoid,
  hardswish,
  leakyRelu,
  log1p,
  logSigmoid,
  maskedFill,
  mish,
  relu6,
  round,
  selu,
  silu,
  sin,
  softplus,
  type Tensor,
  tensor,
  trunc,
  zeros,
} from '../../src/index.ts'
import { thrownBy } from '../support/thrown.ts'

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number

async function on(name: DeviceName, y: Tensor): Promise<number[]> {
  const device = await openDevice(name)
  await realizeOn(device, [y])
  return Array.from(await readOn(device, y))
}

const values = (y: Tensor): Promise<number[]> => on('reference', y)
const slopes = (f: (x: Tensor) => Tensor, at: readonly number[]): Promise<number[]> => {
  const x = tensor([...at])
  return values(grad(f(x).sum(), [x])[0]!)
}

/** erf by its series, whose terms all have one sign; 1 - erf by a continued fraction further out. */
function exactErf(x: number): number {
  if (x < 0) return -exactErf(-x)
  if (x < 2.5) {
    let [term, sum] = [x, x]
    for (let n = 1; n < 200; n++) {
      term *= (2 * x * x) / (2 * n + 1)
      sum += term
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
  }
  let fraction = 0
  for (let k = 200; k > 0; k--) fraction = k / 2 / (x + fraction)
  return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction)
}

/** From 1e-30 to 8 on both sides, close together around the places where a formula hands over to the next. */
const points = [
  ...Array.from({ length: 200 }, (_, k) => (k + 1) * 0.04),
  ...[1e-30, 1e-12, 1e-7, 1e-4, 1e-3, 0.01, 0.1, 0.2999, 0.3001, 0.4499, 0.4501, 0.4999, 0.5, 0.5001, 5.999],
].flatMap((x) => [Math.fround(x), Math.fround(-x)])

describe.each([
  ['erf', erf, exactErf, points],
  ['expm1', expm1, Math.expm1, points],
  ['log1p', log1p, Math.log1p, points.filter((x) => x > -0.999)],
] as const)('%s keeps its digits, relative to each number', (_, f, exact, xs) => {
  test.each([
    ['reference', 1e-12],
    ['gpujs-cpu', 1.2e-7],
    ['gpujs-wasm', 3e-7],
  ] as const)('%s to %d', async (device, allowed) => {
    const got = await on(device, f(tensor([...xs])))
    const errors = xs.map((x, i) => Math.abs(got[i]! / exact(x) - 1))
    expect(Math.max(...errors)).toBeLessThan(allowed)
  })
})

test.each([
  ['reference', 1e-14],
  ['gpujs-cpu', 6e-8],
  ['gpujs-wasm', 2.5e-7],
] as const)('%s gives sin and cos to %d, over many turns too', async (device, allowed) => {
  const xs = [...points, ...points.map((x) => Math.fround(x * 1234))]
  const x = tensor(xs)
  for (const [f, exact] of [[sin, Math.sin] as const, [cos, Math.cos] as const]) {
    const got = await on(device, f(x))
    expect(Math.max(...xs.map((v, i) => Math.abs(got[i]! - exact(v))))).toBeLessThan(allowed)
  }
})

describe('ends and NaN', () => {
  test.each([
    ['erf', erf, [infinity, -infinity, 0, nan], [1, -1, 0, nan]],
    ['expm1', expm1, [infinity, -infinity, 0, nan], [infinity, -1, 0, nan]],
    ['sin', sin, [infinity, 0, nan], [nan, 0, nan]],
    ['cos', cos, [-infinity, 0, nan], [nan, 1, nan]],
    ['log1p', log1p, [infinity, -1, -2, nan], [infinity, -infinity, nan, nan]],
    ['softplus', softplus, [infinity, -infinity, nan], [infinity, 0, nan]],
    ['logSigmoid', logSigmoid, [infinity, -infinity, nan], [0, -infinity, nan]],
    ['elu', elu, [infinity, -infinity, nan], [infinity, -1, nan]],
    ['leakyRelu', leakyRelu, [infinity, -infinity, nan], [infinity, -infinity, nan]],
    ['relu6', relu6, [infinity, -infinity, nan], [6, 0, nan]],
    ['hardsigmoid', hardsigmoid, [infinity, -infinity, nan], [1, 0, nan]],
    ['silu', silu, [1e4, -1e4, nan], [1e4, 0, nan]],
    ['mish', mish, [1e4, -1e4, nan], [1e4, 0, nan]],
    ['selu', selu, [0, nan], [0, nan]],
    ['gelu', gelu, [1e4, -1e4, nan], [1e4, 0, nan]],
  ] as const)('%s', async (_, f, at, wanted) => {
    const got = await values(f(tensor([...at])))
    got.forEach((y, i) => {
      if (Number.isFinite(wanted[i])) expect(y).toBeCloseTo(wanted[i]!, 12)
      else expect(y).toBe(wanted[i])
    })
  })

  test('slopes stay finite far out', async () => {
    const at = [1e4, -1e4, 800, -800, 0]
    for (const f of [silu, mish, gelu, softplus, logSigmoid, elu, selu, erf])
      for (const slope of await slopes(f, at)) expect(slope).toSatisfy(Number.isFinite)
  })
})

describe('rounding', () => {
  const x = tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.49, -3.51, 7])
  test.each([
    ['round', round, [-2, -2, 0, 0, 2, 2, 3, -4, 7]],
    ['floor', floor, [-3, -2, -1, 0, 1, 2, 3, -4, 7]],
    ['ceil', ceil, [-2, -1, 0, 1, 2, 3, 4, -3, 7]],
    ['trunc', trunc, [-2, -1, 0, 0, 1, 2, 3, -3, 7]],
  ] as const)('%s', async (_, f, wanted) => {
    expect((await values(f(x))).map((y) => y + 0)).toEqual(wanted)
    expect(await slopes(f, [0.3, 1])).toEqual([0, 0])
    expect(await values(f(tensor([infinity, -infinity, nan])))).toEqual([infinity, -infinity, nan])
  })
})

describe('slopes at kinks are those of PyTorch', () => {
  test.each([
    ['leakyRelu', (x: Tensor) => leakyRelu(x, 0.25), [0], [0.25]],
    ['elu', (x: Tensor) => elu(x, 0.5), [0], [0.5]],
    ['relu6', relu6, [0, 6, 3], [0, 0, 1]],
    ['hardsigmoid', hardsigmoid, [-3, 3], [0, 0]],
    ['hardswish', hardswish, [-3, 3, 4, -4], [-0.5, 1.5, 1, 0]],
    ['clamp', (x: Tensor) => clamp(x, -1, 1), [-1, 1, 2, nan], [1, 1, 0, 0]],
  ] as const)('%s', async (_, f, at, wanted) => expect(await slopes(f, at)).toEqual(wanted))
})

describe('clamp', () => {
  test('takes tensors as bounds; the upper one wins, and NaN bounds give NaN', async () => {
    const x = tensor([0, 5, -5, 1])
    const y = clamp(x, tensor([-1, -1, -1, 3]), tensor([1, 1, nan, 2]))
    expect(await values(y)).toEqual([0, 1, nan, 2])
    expect(await values(clamp(x, null, 0.5))).toEqual([0, 0.5, -5, 0.5])
    expect(await values(x.clamp(nan))).toEqual([nan, nan, nan, nan])
  })

  test('what an element loses, its bound gets', async () => {
    const [min, max] = [tensor([-1]), tensor([1])]
    const grads = grad(clamp(tensor([0, 5, -5, 7]), min, max).sum(), [min, max])
    expect(await Promise.all(grads.map(values))).toEqual([[1], [2]])
  })
})

test('softplus is the line itself above its threshold', async () => {
  const at = [0.9, 1.1]
  const soft = Math.log1p(Math.exp(2 * 0.9)) / 2
  const [low, high] = await values(softplus(tensor(at), 2, 2))
  expect(low).toBeCloseTo(soft, 12)
  expect(high).toBe(1.1)
  expect((await slopes((x) => softplus(x, 2, 2), at))[1]).toBe(1)
})

test('maskedFill lets no gradient through where it fills', async () => {
  const [x, value] = [tensor([1, 2, 3]), tensor(9, [])]
  const y = maskedFill(x, tensor([true, false, true]), value)
  expect(await values(y)).toEqual([9, 2, 9])
  expect(await Promise.all(grad(y.sum(), [x, value]).map(values))).toEqual([[0, 1, 0], [2]])
})

test.each([
  [() => clamp(zeros([2])), 'clamp: expected a bound, got neither min nor max. Give at least one of them.'],
  [
    () => clamp(zeros([2]), zeros([3])),
    'clamp: shapes do not broadcast, got [2] and [3] and []. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => maskedFill(zeros([2]), tensor([true, false, true]), 1),
    'maskedFill: shapes do not broadcast, got [3] and [] and [2]. Align the trailing dims, or reshape one side so that the odd dim is 1.',
  ],
  [
    () => gelu(zeros([2]), { approximate: 'erf' as never }),
    "gelu: approximate must be 'none' or 'tanh', got 'erf'. Choose one of them.",
  ],
] as const)('message %#', (call, message) => {
  expect(thrownBy(call).message).toBe(message)
})
