import { expm1Near, exponentOf, halves, isSpecial, isSubnormal, rounded } from './maths.ts'
import type { V128 } from './wasm/expr.ts'
import type { Func, Local } from './wasm/func.ts'
import { f32x4, f64x2, i32x4, v128 } from './wasm/simd.ts'

// log2(m) = s (...), s = (m - 1) / (m + 1), in s^2, for m from sqrt(1/2) to sqrt(2); in float64, because y magnifies it.
const LOG2 = [
  2.885390081789993, 0.9617966734432283, 0.5770835677034892, 0.411673658400816, 0.34071413665191197,
]
const SQRT_HALF = 0x3f3504f3

/** x^y as Math.pow. */
export function pow(f: Func, x: V128, y: V128): Local<'v128'> {
  const [base, exponent] = [f.let(x), f.let(y)]
  const special = isSpecial(f, base)
  const normal = f.let(base)
  const size = f.local('v128')
  f.if(special, () => {
    f.set(size, f32x4.abs(base))
    f.set(normal, v128.bitselect(f32x4.mul(size, f32x4.const(2 ** 23)), size, isSubnormal(size)))
  })
  const bits = f.let(exponentOf(normal, SQRT_HALF))
  const m = f.let(i32x4.sub(normal, bits))
  const e = f.let(f32x4.mul(f32x4.convertI32x4(bits), f32x4.const(2 ** -23)))
  f.if(special, () => f.set(e, edges(size, e)))
  const result = exp2(
    f,
    productWithLog2(f, exponent, m, e),
    productWithLog2(f, upper(f, exponent), upper(f, m), upper(f, e)),
  )
  f.if(special, () => f.set(result, signed(f, base, exponent, result)))
  return result
}

const upper = (f: Func, x: Local<'v128'>): Local<'v128'> => f.let(v128.shuffle32(x, x, [2, 3, 2, 3]))

/** The exponent of |x|, of which a subnormal one was scaled by 2^23; infinite at 0 and infinity. */
function edges(size: Local<'v128'>, e: Local<'v128'>): V128 {
  const scaledBack = f32x4.sub(e, v128.and(isSubnormal(size), f32x4.const(23)))
  const finite = f32x4.lt(size, f32x4.const(Infinity))
  const above = v128.bitselect(scaledBack, size, finite)
  return v128.bitselect(f32x4.const(-Infinity), above, f32x4.eq(size, f32x4.const(0)))
}

/** y log2(m 2^e) of lanes 0 and 1, in float64. */
function productWithLog2(f: Func, y: V128, m: V128, e: V128): Local<'v128'> {
  const wide = f.let(f64x2.promoteLow(m))
  const one = f64x2.const(1)
  const s = f.let(f64x2.div(f64x2.sub(wide, one), f64x2.add(wide, one)))
  const square = f.let(f64x2.mul(s, s))
  const [last, ...others] = LOG2.toReversed()
  const sum = others.reduce(
    (rest, c) => f64x2.add(f64x2.mul(rest, square), f64x2.const(c)),
    f64x2.const(last!),
  )
  const log2 = f64x2.add(f64x2.mul(sum, s), f64x2.promoteLow(e))
  return f.let(f64x2.mul(f64x2.promoteLow(y), log2))
}

/** 2^p of p in two halves in float64. */
function exp2(f: Func, low: Local<'v128'>, high: Local<'v128'>): Local<'v128'> {
  const joined = (a: V128, b: V128) =>
    v128.shuffle32(f32x4.demoteF64x2(a), f32x4.demoteF64x2(b), [0, 1, 4, 5])
  const p = f.let(f32x4.pmin(f32x4.pmax(joined(low, high), f32x4.const(-160)), f32x4.const(160)))
  const { n, bits } = rounded(f, p, 254)
  const rest = joined(f64x2.sub(low, f64x2.promoteLow(n)), f64x2.sub(high, f64x2.promoteLow(upper(f, n))))
  // Beyond the clamp, where the result is 0 or infinite, the rest is no rest.
  const part = f32x4.pmin(f32x4.pmax(rest, f32x4.const(-1)), f32x4.const(1))
  const q = expm1Near(f, f.let(f32x4.mul(part, f32x4.const(Math.LN2))))
  const { first, second } = halves(f, bits)
  return f.let(f32x4.mul(f32x4.mul(f32x4.add(q, f32x4.const(1)), first), second))
}

/** |x|^y with its sign; NaN where x is negative and y no whole number; 1 where y is 0. */
function signed(f: Func, x: V128, y: V128, power: V128): V128 {
  const whole = f.let(f32x4.eq(f32x4.floor(y), y))
  const half = f.let(f32x4.mul(y, f32x4.const(0.5)))
  const odd = v128.and(whole, f32x4.ne(f32x4.floor(half), half))
  const withSign = v128.xor(power, v128.and(v128.and(x, i32x4.const(-0x80000000)), odd))
  const negative = v128.and(f32x4.lt(x, f32x4.const(0)), f32x4.gt(x, f32x4.const(-Infinity)))
  const known = v128.bitselect(f32x4.const(1), withSign, f32x4.eq(y, f32x4.const(0)))
  // All bits set are a NaN.
  return v128.or(known, v128.andnot(negative, whole))
}
