import { f32x4, type V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'

/** Linear in its values: takes some, gives others, all in variables. */
export type Transform = (f: Func, values: readonly V128[]) => V128[]

/**
 * A convolution with three taps along one axis, window by window:
 * outputs = output(weight(taps) * input(window)), the product taken one by one. Products from `weights - 1` on share
 * the last weight.
 */
export interface Scheme {
  readonly key: string
  /** Inputs in a window, and how far the next window is. */
  readonly inputs: number
  readonly step: number
  readonly products: number
  readonly weights: number
  readonly outputs: number
  readonly input: Transform
  readonly weight: Transform
  readonly output: Transform
  /** The transposes, for the gradient in the taps. */
  readonly outputAdjoint: Transform
  readonly weightAdjoint: Transform
}

const { add, sub, mul, mulAdd, mulSub, const: number } = f32x4

/**
 * Points of F(4, 3): 0, +-P, +-Q and infinity. A fifth of the error of the textbook's +-1, +-2, and as cheap: pairs of
 * opposite points share the sums over even and over odd powers.
 */
const [P, Q] = [3 / 4, 3 / 2]

/** The inverses of what interpolation divides by at +-P and at +-Q; the input's transform leaves them to the weights. */
const SCALE_P = 1 / (2 * P * P * (P * P - Q * Q))
const SCALE_Q = 1 / (2 * Q * Q * (Q * Q - P * P))

/** [even + odd, even - odd]. */
function sumAndDifference(f: Func, even: V128, odd: V128): [V128, V128] {
  const [a, b] = [f.let(even), f.let(odd)]
  return [f.let(add(a, b)), f.let(sub(a, b))]
}

/** a + x² b. */
const plusSquare = (x: number, a: V128, b: V128): V128 => mulAdd(number(x * x), b, a)
/** a - x² b. */
const minusSquare = (x: number, a: V128, b: V128): V128 => mulSub(number(x * x), b, a)
const times = (x: number, a: V128): V128 => mul(number(x), a)

/** p²q² a - (p² + q²) b + c: the product of (x² - p²)(x² - q²) with a, b, c at powers 0, 2, 4. */
const bothPairs = (p: number, q: number, a: V128, b: V128, c: V128): V128 =>
  mulAdd(number(p * p * q * q), a, mulSub(number(p * p + q * q), b, c))

/** Stride 1: F(4, 3), six products for four outputs. */
export const STRIDE_1: Scheme = {
  key: 's1',
  inputs: 6,
  step: 4,
  products: 6,
  weights: 6,
  outputs: 4,
  input: (f, [d0, d1, d2, d3, d4, d5]) => [
    f.let(bothPairs(P, Q, d0!, d2!, d4!)),
    ...sumAndDifference(f, minusSquare(Q, d4!, d2!), times(P, minusSquare(Q, d3!, d1!))),
    ...sumAndDifference(f, minusSquare(P, d4!, d2!), times(Q, minusSquare(P, d3!, d1!))),
    f.let(bothPairs(P, Q, d1!, d3!, d5!)),
  ],
  weight: (f, [g0, g1, g2]) => [
    f.let(times(1 / (P * P * Q * Q), g0!)),
    ...sumAndDifference(f, times(SCALE_P, plusSquare(P, g0!, g2!)), times(SCALE_P * P, g1!)),
    ...sumAndDifference(f, times(SCALE_Q, plusSquare(Q, g0!, g2!)), times(SCALE_Q * Q, g1!)),
    g2!,
  ],
  output: (f, [m0, m1, m2, m3, m4, m5]) => {
    const [evenP, oddP] = sumAndDifference(f, m1!, m2!)
    const [evenQ, oddQ] = sumAndDifference(f, m3!, m4!)
    return [
      f.let(add(m0!, add(evenP, evenQ))),
      f.let(mulAdd(number(Q), oddQ, times(P, oddP))),
      f.let(mulAdd(number(Q ** 2), evenQ, times(P ** 2, evenP))),
      f.let(mulAdd(number(Q ** 3), oddQ, mulAdd(number(P ** 3), oddP, m5!))),
    ]
  },
  outputAdjoint: (f, [y0, y1, y2, y3]) => [
    y0!,
    ...sumAndDifference(f, plusSquare(P, y0!, y2!), times(P, plusSquare(P, y1!, y3!))),
    ...sumAndDifference(f, plusSquare(Q, y0!, y2!), times(Q, plusSquare(Q, y1!, y3!))),
    y3!,
  ],
  weightAdjoint: (f, [u0, u1, u2, u3, u4, u5]) => {
    const [evenP, oddP] = sumAndDifference(f, u1!, u2!)
    const [evenQ, oddQ] = sumAndDifference(f, u3!, u4!)
    return [
      f.let(mulAdd(number(SCALE_P), evenP, mulAdd(number(SCALE_Q), evenQ, times(1 / (P * P * Q * Q), u0!)))),
      f.let(mulAdd(number(SCALE_P * P), oddP, times(SCALE_Q * Q, oddQ))),
      f.let(mulAdd(number(SCALE_P * P * P), evenP, mulAdd(number(SCALE_Q * Q * Q), evenQ, u5!))),
    ]
  },
}

/** The gradient in the input of `STRIDE_1`: the same with the taps turned round. */
export const STRIDE_1_INPUT_GRAD: Scheme = {
  ...STRIDE_1,
  key: 's1i',
  weight: (f, taps) => STRIDE_1.weight(f, [...taps].reverse()),
}
