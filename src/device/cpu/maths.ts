import { f32, f64, i32, type V128 } from './wasm/expr.ts'
import { callMath, type Func, type Local, type MATH } from './wasm/func.ts'
import { f32x4, i32x4, v128 } from './wasm/simd.ts'

// Functions of four float32 numbers at once, for every float32 number, within two units in the last place. pmin and pmax
// have the variable first, because then they keep NaN. 1.5 * 2^23 rounds: added to a number it leaves the rounded one in
// the low bits.

const ROUND = 12582912
const SIGN = -0x80000000
const [LN2_HIGH, LN2_LOW] = [0.693359375, -2.1219444e-4]

const signOf = (x: V128): V128 => v128.and(x, i32x4.const(SIGN))
const minusSize = (x: V128): V128 => v128.or(x, i32x4.const(SIGN))

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

/** The nearest whole number n to x, and n + bias in the low nine bits of `bits`. */
export function rounded(f: Func, x: V128, bias: number): { n: Local<'v128'>; bits: Local<'v128'> } {
  const bits = f.let(f32x4.add(x, f32x4.const(ROUND + bias)))
  return { bits, n: f.let(f32x4.sub(bits, f32x4.const(ROUND + bias))) }
}

// exp(r) = 1 + r + r^2 (...) for |r| up to ln(2) / 2.
const EXP = [0.5, 0.166665435, 0.0416664146, 0.00836657919, 0.00139378593]

/** exp(r) - 1 for |r| up to ln(2) / 2. */
export function expm1Near(f: Func, r: Local<'v128'>): Local<'v128'> {
  const square = f.let(f32x4.mul(r, r))
  return f.let(f32x4.mulAdd(horner(r, EXP), square, r))
}

/** q and n with exp(x) = 2^n (1 + q), |q| below 0.42; the low nine bits of `bits` are n + bias. */
function split(f: Func, x: Local<'v128'>, bias: number): { q: Local<'v128'>; bits: Local<'v128'> } {
  const bits = f.let(f32x4.mulAdd(x, f32x4.const(Math.LOG2E), f32x4.const(ROUND + bias)))
  const n = f.let(f32x4.sub(bits, f32x4.const(ROUND + bias)))
  const high = f32x4.mulSub(n, f32x4.const(LN2_HIGH), x)
  return { bits, q: expm1Near(f, f.let(f32x4.mulSub(n, f32x4.const(LN2_LOW), high))) }
}

/** Bits that are n + 254 in the end as two factors of 2^n, which may lie beyond the exponents of one number. */
export function halves(f: Func, bits: Local<'v128'>): { first: Local<'v128'>; second: V128 } {
  const half = f.let(i32x4.shrS(bits, 1))
  return { first: f.let(i32x4.shl(half, 23)), second: i32x4.shl(i32x4.sub(bits, half), 23) }
}

/** x where both 2^n of exp(x) and of its inverse are two factors; beyond, exp(x) is 0 or infinite. */
const withinExp = (f: Func, x: V128): Local<'v128'> =>
  f.let(f32x4.pmin(f32x4.pmax(x, f32x4.const(-104)), f32x4.const(104)))

/** exp(x), subnormal results included. */
export function exp(f: Func, x: V128): Local<'v128'> {
  const { q, bits } = split(f, withinExp(f, x), 254)
  const { first, second } = halves(f, bits)
  return f.let(f32x4.mul(f32x4.mul(f32x4.add(q, f32x4.const(1)), first), second))
}

/** exp(x) - 1 with all digits near 0. */
export function expm1(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const within = f.let(f32x4.pmin(f32x4.pmax(value, f32x4.const(-20)), f32x4.const(89)))
  const { q, bits } = split(f, within, 126)
  // By 2^(n - 1): just below the overflow 2^n would be infinite.
  const scale = f.let(i32x4.shl(bits, 23))
  const half = f.let(f32x4.mulAdd(q, scale, f32x4.sub(scale, f32x4.const(0.5))))
  return f.let(v128.or(f32x4.add(half, half), signOf(value)))
}

/** tanh(x) as (1 - exp(-2 |x|)) / (1 + exp(-2 |x|)) with the sign of x. */
export function tanh(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const size = f.let(f32x4.pmax(minusSize(value), f32x4.const(-10)))
  const { q, bits } = split(f, f.let(f32x4.add(size, size)), 127)
  const scale = f.let(i32x4.shl(bits, 23))
  const over = f32x4.mulSub(q, scale, f32x4.sub(f32x4.const(1), scale))
  const under = f32x4.mulAdd(q, scale, f32x4.add(f32x4.const(1), scale))
  return f.let(v128.or(f32x4.div(over, under), signOf(value)))
}

/** 1 / (1 + exp(-x)), both parts divided by the second factor of 2^n: exp(-x) may be infinite. */
export function sigmoid(f: Func, x: V128): Local<'v128'> {
  const { q, bits } = split(f, f.let(f32x4.neg(withinExp(f, x))), 254)
  const { first, second } = halves(f, bits)
  const inverse = f.let(i32x4.sub(i32x4.const(0x7f000000), second))
  const under = f32x4.add(f32x4.mulAdd(q, first, inverse), first)
  return f.let(f32x4.div(inverse, under))
}

// erf(-t) = exp(g) - 1 with g = t + t (...) for t from -4 to 0.
const ERF = [
  0.128379166, -0.636619568, 0.102776304, 0.0191478264, -0.000169484498, -0.00167563884, -0.000637330813,
  -0.000118848213, -9.38598714e-6,
]

/** The error function. */
export function erf(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const t = f.let(f32x4.pmax(minusSize(value), f32x4.const(-4)))
  const more = f.let(f32x4.mul(estrin(t, f.let(f32x4.mul(t, t)), ERF), t))
  // As in `split`, but g = t + more is never rounded where its last digits count.
  const bits = f.let(
    f32x4.mulAdd(f.let(f32x4.add(t, more)), f32x4.const(Math.LOG2E), f32x4.const(ROUND + 127)),
  )
  const n = f.let(f32x4.sub(bits, f32x4.const(ROUND + 127)))
  const high = f.let(f32x4.mulSub(n, f32x4.const(LN2_HIGH), t))
  const low = f.let(f32x4.mulSub(n, f32x4.const(LN2_LOW), more))
  const r = f.let(f32x4.add(high, low))
  const q = f32x4.add(high, f32x4.mulAdd(horner(r, EXP), f32x4.mul(r, r), low))
  const scale = f.let(i32x4.shl(bits, 23))
  const size = f32x4.mulSub(q, scale, f32x4.sub(f32x4.const(1), scale))
  return f.let(v128.or(size, signOf(value)))
}

// log(1 + m) = m + m^2 (...) for m from -1/3 to 1/3.
const LOG = [
  -0.5, 0.333332151, -0.249998048, 0.200104356, -0.166802242, 0.140055269, -0.121874265, 0.139857695,
  -0.128792286,
]

const EXPONENT = -0x800000
const TWO_THIRDS = 0x3f2aaaab

/** The exponent e, as its bits, for which x / 2^e lies between `least` (as its bits) and twice that. */
export const exponentOf = (x: V128, least: number): V128 =>
  v128.and(i32x4.sub(x, i32x4.const(least)), i32x4.const(EXPONENT))

/** log(1 + m) + e ln 2. */
function logNear(f: Func, m: Local<'v128'>, e: Local<'v128'>): Local<'v128'> {
  const square = f.let(f32x4.mul(m, m))
  const near = f32x4.mulAdd(estrin(m, square, LOG), square, m)
  return f.let(f32x4.mulAdd(f32x4.convertI32x4(e), f32x4.const(Math.LN2 * 2 ** -23), near))
}

/** Whether some lane is not positive, not normal or not finite. */
export const isSpecial = (f: Func, x: Local<'v128'>): Local<'i32'> =>
  f.let(i32x4.bitmask(i32x4.gtS(i32x4.add(x, i32x4.const(0x7f800000)), i32x4.const(-0x1000001))))

/** Where a number is below the smallest normal one. */
export const isSubnormal = (x: V128): V128 => f32x4.lt(x, f32x4.const(2 ** -126))

/** The natural logarithm. */
export function log(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const special = isSpecial(f, value)
  const normal = f.let(value)
  f.if(special, () =>
    f.set(normal, v128.bitselect(f32x4.mul(value, f32x4.const(2 ** 23)), value, isSubnormal(value))),
  )
  const e = f.let(exponentOf(normal, TWO_THIRDS))
  const y = logNear(f, f.let(f32x4.sub(i32x4.sub(normal, e), f32x4.const(1))), e)
  f.if(special, () => {
    const scaledBack = f.let(f32x4.sub(y, v128.and(isSubnormal(value), f32x4.const(23 * Math.LN2))))
    f.set(y, edges(value, scaledBack))
  })
  return y
}

/** y, the logarithm of x, but what belongs there where x is not positive or not finite. */
function edges(x: Local<'v128'>, y: Local<'v128'>): V128 {
  const above = v128.bitselect(x, y, f32x4.eq(x, f32x4.const(Infinity)))
  const at = v128.bitselect(f32x4.const(-Infinity), f32x4.const(Number.NaN), f32x4.eq(x, f32x4.const(0)))
  return v128.bitselect(above, at, f32x4.gt(x, f32x4.const(0)))
}

/** log(1 + x) with all digits near 0. */
export function log1p(f: Func, x: V128): Local<'v128'> {
  const value = f.let(x)
  const sum = f.let(f32x4.add(value, f32x4.const(1)))
  const e = f.let(exponentOf(sum, TWO_THIRDS))
  // m = x / 2^e + (1 / 2^e - 1), without the rounding of 1 + x; 4 / 2^e is normal for every e.
  const four = i32x4.sub(f32x4.const(4), e)
  const rest = f32x4.mulAdd(four, f32x4.const(0.25), f32x4.const(-1))
  const y = logNear(f, f.let(f32x4.add(i32x4.sub(value, e), rest)), e)
  const ordinary = v128.and(f32x4.gt(value, f32x4.const(-1)), f32x4.lt(value, f32x4.const(Infinity)))
  f.if(i32.ne(i32x4.bitmask(ordinary), 15), () => f.set(y, edges(sum, y)))
  return f.let(v128.or(y, signOf(value)))
}

/** A function of Math on each lane, in float64: some 10 ns per number, for what is rare. */
export function lanewise(f: Func, name: (typeof MATH)[number], x: V128): Local<'v128'> {
  const value = f.let(x)
  const result = f.local('v128')
  for (let lane = 0; lane < 4; lane++) {
    const y = callMath(name, f64.promote(f32x4.extract(value, lane)))
    f.set(result, f32x4.replace(result, lane, f32.demote(y)))
  }
  return result
}
