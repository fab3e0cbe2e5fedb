import { describe, expect, test } from 'vitest'
import { hostExpression } from '../../src/device/host-expression.ts'
import { evaluate, ulps } from './expression-support.ts'

// Over all of float32, against float64. test/cpu/expression.test.ts puts the functions into formulas.

/** Functions with the places where their forms join. */
const FUNCTIONS: Readonly<Record<string, readonly number[]>> = {
  'Math.exp(a)': [-104, -103.97, -87.34, 88.7228394, 104],
  'expm1(a)': [-20, -17.33, 88.7228394, 89],
  'tanh(a)': [10, 9.01],
  'sigmoid(a)': [104, 103.97, 88.72, 87.34, 17.33, 16.64],
  'erf(a)': [4, 3.832],
  'log(a)': [2 ** -126, 1, 2 / 3, 4 / 3],
  'log1p(a)': [-1, -1 / 3, 1 / 3, 2 ** 24, 2 ** -24],
}

const SPECIAL = [
  0,
  -0,
  Infinity,
  -Infinity,
  Number.NaN,
  2 ** -149,
  -(2 ** -149),
  3.4028234663852886e38,
  1,
  -1,
]

const halfLogs = Array.from({ length: 310 }, (_, k) => (k * Math.LN2) / 2)

/** Every 8209th float32, the special ones, and all around the joins and the multiples of ln(2) / 2. */
function sample(joins: readonly number[]): Float32Array {
  const around = [...SPECIAL, ...joins, ...joins.map((x) => -x), ...halfLogs, ...halfLogs.map((x) => -x)]
  const near = new Uint32Array(Float32Array.from(around).buffer)
  const spread = Math.ceil(2 ** 32 / 8209)
  const bits = new Uint32Array(4 * Math.ceil((spread + 64 * near.length) / 4))
  for (let i = 0; i < spread; i++) bits[i] = 8209 * i
  for (let i = 0; i < 64 * near.length; i++) bits[spread + i] = near[i >> 6]! + (i & 63) - 32
  return new Float32Array(bits.buffer)
}

describe.each(Object.entries(FUNCTIONS))('%s', (expr, joins) => {
  test('is right to two units in the last place, with fma and without', () => {
    const a = sample(joins)
    const host = hostExpression(expr)
    const exact = new Float64Array(a.length)
    const operand = [0]
    for (let i = 0; i < a.length; i++) {
      operand[0] = a[i]!
      exact[i] = host(operand)
    }
    for (const fma of [false, true]) {
      const got = evaluate(expr, { a }, { fma })
      let worst = { distance: 0, at: 0, got: 0 }
      for (let i = 0; i < a.length; i++) {
        const distance = ulps(got[i]!, exact[i]!)
        if (distance > worst.distance) worst = { distance, at: a[i]!, got: got[i]! }
      }
      expect(worst.distance, JSON.stringify({ fma, ...worst })).toBeLessThanOrEqual(2)
    }
  })
})

const BASES = [
  ...[0, -0, 1, -1, Infinity, -Infinity, Number.NaN, 2, -2, 0.5, -0.5, 10, 1.0000001, 0.9999999, -1.0000001],
  ...[1e-40, -1e-40, 2 ** -149, 2 ** -126, 3.4e38, -3.4e38, Math.SQRT2, Math.SQRT1_2, 0.7, 3],
]
const EXPONENTS = [
  ...[0, -0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1 / 3, 1.5, -1.5, 127, 128, -126, -149, 1e-3, 40, -40, 7],
  ...[Infinity, -Infinity, Number.NaN, 2 ** 24, 2 ** 24 - 1, -(2 ** 23) - 1, 2 ** -149, 3.4e38, -3.4e38],
]

test('pow is that of JavaScript, edges included', () => {
  const pairs = BASES.flatMap((x) => EXPONENTS.map((y) => [x, y] as const))
  const random = Array.from({ length: 40000 }, (_, i) => {
    const x = Math.exp(((i * 0.6180339887) % 1) * 20 - 10)
    return [x, (((i * 0.7548776662) % 1) - 0.5) * (170 / Math.max(1, Math.abs(Math.log(x))))] as const
  })
  const all = [...pairs, ...random].map(([x, y]) => [Math.fround(x), Math.fround(y)] as const)
  while (all.length % 4 > 0) all.push([1, 1])
  const a = Float32Array.from(all, ([x]) => x)
  const b = Float32Array.from(all, ([, y]) => y)
  const got = evaluate('pow(a, b)', { a, b })
  const wrong = all.flatMap(([x, y], i) =>
    ulps(got[i]!, x ** y) > 1.5 ? [`${x} ** ${y} = ${x ** y}, got ${got[i]}`] : [],
  )
  expect(wrong).toEqual([])
})

test.each(['sin', 'cos', 'atan'] as const)('Math.%s is that of JavaScript', (name) => {
  const a = Float32Array.from([...SPECIAL, 3, -7.5, 1e4, 1e9, 1e30, 0.1])
  const got = evaluate(`Math.${name}(a)`, { a })
  expect(Array.from(got)).toEqual(Array.from(a, (x) => Math.fround(Math[name](x))))
})
