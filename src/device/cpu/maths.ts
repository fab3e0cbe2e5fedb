import { f32, f32x4, f64, i32, i32x4, type V128, v128 } from './wasm/expr.ts'
import { callMath, type Func, type Local, type MATH } from './wasm/func.ts'

// Functions of four float32 numbers at once, for every float32 number. Constants come from the pool; pmin and pmax have
// the variable first, because then they keep NaN. What has no `nearest` uses 1.5 * 2^23: added to a number it leaves the
// rounded number in the low bits.

const ROUND = 12582912
const SIGN = -0x80000000
const [LN2_HIGH, LN2_LOW] = [0.693359375, -2.1219444e-4]

/** c0 + x (c1 + x (c2 + ...)). */
function horner(x: V128, coefficients: readonly number[]): V128 {
  const [last, ...others] = coefficients.toReversed()
  return others.reduce((sum, c) => f32x4.mulAdd(sum, x, f32x4.const(c)), f32x4.const(last!))
}

/**
 * A polynomial of nine terms, all but the first in pairs and pairs of pairs (Estrin's scheme), which the processor works
 * on side by side: Horner's would keep it waiting.
 */
function estrin(x: V128, square: V128, c: readonly number[]): V128 {
  const pair = (k: number) => f32x4.mulAdd(x, f32x4.const(c[k + 1]!), f32x4.const(c[k]!))
  const four = (k: number) => f32x4.mulAdd(pair(k + 2), square, pair(k))
  const eight = f32x4.mulAdd(four(5), f32x4.mul(square, square), four(1))
  return f32x4.mulAdd(eight, x, f32x4.const(c[0]!))
}

const EXPM1 = [0.5, 0.166665435, 0.0416664369, 0.00836654566, 0.00139378593]

/** q and n with exp(x) = 2^n (1 + q), |q| below 0.42; the low nine bits of `bits` are n + bias. */
function exponential(f: Func, x: V128, bias: number): { q: Local<'v128'>; bits: Local<'v128'> } {
  const bits = f.let(f32x4.mulAdd(x, f32x4.const(Math.LOG2E), f32x4.const(ROUND + bias)))
  const n = f.let(f32x4.sub(bits, f32x4.const(ROUND + bias)))
  const high = f32x4.mulSub(n, f32x4.const(LN2_HIGH), x)
  const r = f.let(f32x4.mulSub(n, f32x4.const(LN2_LOW), high))
  const square = f.let(f32x4.mul(r, r))
  return { bits, q: f.let(f32x4.mulAdd(horner(r, EXPM1), square, r)) }
}

export function exp(f: Func, x: V128): Local<'v128'> {
  const within = f.let(f32x4.pmin(f32x4.pmax(x, f32x4.const(-104)), f32x4.const(89)))
  const { q, bits } = exponential(f, within, 254)
  const half = f.let(i32x4.shrS(bits, 1))
  // Two factors 2^(n / 2), for n beyond the exponents of one number.
  const first = i32x4.shl(half, 23)
  const second = i32x4.shl(i32x4.sub(bits, half), 23)
  const y = f32x4.add(q, f32x4.const(1))
  return f.let(f32x4.mul(f32x4.mul(y, first), second))
}

export function expm1(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const within = f.let(f32x4.pmin(f32x4.pmax(value, f32x4.const(-20)), f32x4.const(89)))
  const { q, bits } = exponential(f, within, 126)
  // 2^(n - 1): with 2^n numbers just below the overflow would overflow.
  const scale = f.let(i32x4.shl(bits, 23))
  const halved = f.let(f32x4.mulAdd(q, scale, f32x4.sub(scale, f32x4.const(0.5))))
  return f.let(v128.or(f32x4.add(halved, halved), signOf(value)))
}

const signOf = (x: V128): V128 => v128.and(x, i32x4.const(SIGN))

export function tanh(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const size = f.let(f32x4.pmax(v128.or(value, i32x4.const(SIGN)), f32x4.const(-10)))
  const { q, bits } = exponential(f, f.let(f32x4.add(size, size)), 127)
  const scale = f.let(i32x4.shl(bits, 23))
  const over = f32x4.mulSub(q, scale, f32x4.sub(f32x4.const(1), scale))
  const under = f32x4.mulAdd(q, scale, f32x4.add(f32x4.const(1), scale))
  return f.let(v128.or(f32x4.div(over, under), signOf(value)))
}

/** 1 - exp(x) for x from -80 to 0. */
function minusExpm1(f: Func, x: V128): V128 {
  const { q, bits } = exponential(f, x, 127)
  const scale = f.let(i32x4.shl(bits, 23))
  return f32x4.mulSub(q, scale, f32x4.sub(f32x4.const(1), scale))
}

export function sigmoid(f: Func, x: V128): Local<'v128'> {
  const within = f32x4.pmin(f32x4.pmax(x, f32x4.const(-104)), f32x4.const(89))
  const { q, bits } = exponential(f, f.let(f32x4.neg(within)), 254)
  const half = f.let(i32x4.shrS(bits, 1))
  const first = f.let(i32x4.shl(half, 23))
  const inverse = f.let(i32x4.sub(i32x4.const(0x7f000000), i32x4.shl(i32x4.sub(bits, half), 23)))
  const den = f32x4.add(f32x4.mulAdd(q, first, inverse), first)
  return f.let(f32x4.div(inverse, den))
}

// log(1 + f) = f - f^2 / 2 + f^3 (...) for f from -1/3 to 1/3.
const LOG = [
  -0.5, 0.333331972, -0.2499962, 0.200120345, -0.166846126, 0.139814854, -0.121483512, 0.140869141,
  -0.130310059,
]

const TWO_THIRDS = 0x3f2aaaab
const EXPONENT = -0x800000

/** log(1 + m) + e ln(2) 2^-23. */
function logNear(f: Func, m: Local<'v128'>, exponent: V128): Local<'v128'> {
  const square = f.let(f32x4.mul(m, m))
  const near = f32x4.mulAdd(estrin(m, square, LOG), square, m)
  return f.let(f32x4.mulAdd(f32x4.convertI32x4(exponent), f32x4.const(Math.LN2 * 2 ** -23), near))
}

export function log(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const scaled = f.let(value)
  // Not positive, not normal, or not finite.
  const special = f.let(
    i32x4.bitmask(i32x4.gtS(i32x4.add(value, i32x4.const(0x7f800000)), i32x4.const(-0x1000001))),
  )
  const subnormal = f32x4.lt(value, f32x4.const(2 ** -126))
  f.if(special, () => {
    f.set(scaled, v128.bitselect(f32x4.mul(value, f32x4.const(2 ** 23)), value, subnormal))
  })
  const exponent = f.let(v128.and(i32x4.sub(scaled, i32x4.const(TWO_THIRDS)), i32x4.const(EXPONENT)))
  const m = f.let(f32x4.sub(i32x4.sub(scaled, exponent), f32x4.const(1)))
  const y = logNear(f, m, exponent)
  f.if(special, () => {
    f.set(y, f32x4.sub(y, v128.and(subnormal, f32x4.const(23 * Math.LN2))))
    f.set(y, edges(value, y))
  })
  return y
}

/** y, but NaN below 0 and for NaN, -Infinity at 0, Infinity at Infinity. */
function edges(x: Local<'v128'>, y: Local<'v128'>): V128 {
  const infinite = f32x4.eq(x, f32x4.const(Infinity))
  const zero = f32x4.eq(x, f32x4.const(0))
  const positive = f32x4.gt(x, f32x4.const(0))
  const atMost = v128.bitselect(f32x4.const(-Infinity), f32x4.const(Number.NaN), zero)
  return v128.bitselect(v128.bitselect(x, y, infinite), atMost, positive)
}

export function log1p(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const u = f.let(f32x4.add(value, f32x4.const(1)))
  const exponent = f.let(v128.and(i32x4.sub(u, i32x4.const(TWO_THIRDS)), i32x4.const(EXPONENT)))
  // 2^-e (1 + x) - 1 without the rounding of 1 + x; 4 * 2^-e is normal for every e.
  const scale = i32x4.sub(f32x4.const(4), exponent)
  const shifted = i32x4.sub(value, exponent)
  const m = f.let(f32x4.add(shifted, f32x4.mulAdd(f.let(scale), f32x4.const(0.25), f32x4.const(-1))))
  const y = logNear(f, m, exponent)
  const ordinary = v128.and(f32x4.gt(value, f32x4.const(-1)), f32x4.lt(value, f32x4.const(Infinity)))
  f.if(i32.ne(i32x4.bitmask(ordinary), 15), () => f.set(y, edges(u, y)))
  return f.let(v128.or(y, signOf(value)))
}

// erf(t) = 1 - exp(g) with g = t + t (...), for t from -4 to 0.
const ERF = [
  0.128379166, -0.636619568, 0.102776304, 0.0191478264, -0.000169484498, -0.00167563884, -0.000637330813,
  -0.000118848213, -9.38598714e-6,
]

export function erf(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const t = f.let(f32x4.pmax(v128.or(value, i32x4.const(SIGN)), f32x4.const(-4)))
  const g = f.let(f32x4.mulAdd(estrin(t, f.let(f32x4.mul(t, t)), ERF), t, t))
  return f.let(v128.or(minusExpm1(f, g), signOf(value)))
}

/** x^y. */
export const pow = (f: Func, x: V128, y: V128): Local<'v128'> => lanewise(f, 'pow', x, y)

/** A function of Math on each lane, in float64: some 10 to 40 ns per number, for what is rare. */
export function lanewise(f: Func, name: (typeof MATH)[number], ...args: readonly V128[]): Local<'v128'> {
  const kept = args.map((arg) => f.let(arg))
  const result = f.local('v128')
  for (let lane = 0; lane < 4; lane++) {
    const numbers = kept.map((arg) => f64.promote(f32x4.extract(arg, lane)))
    f.set(result, f32x4.replace(result, lane, f32.demote(callMath(name, ...numbers))))
  }
  return result
}
