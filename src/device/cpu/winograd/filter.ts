import type { V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4 } from '../wasm/simd.ts'

/** Linear in its values: takes some, gives others, all in variables. */
export type Transform = (f: Func, values: readonly V128[]) => V128[]

/**
 * A minimal filtering algorithm: four neighbouring outputs of a filter, as output(input(window) * weight(taps)), the
 * product taken one by one.
 */
export interface Filter {
  readonly input: Transform
  readonly weight: Transform
  readonly output: Transform
  /** The transposes of the last two, for the gradient in the taps. */
  readonly weightAdjoint: Transform
  readonly outputAdjoint: Transform
}

const { add, sub, mul, mulAdd, mulSub, const: number } = f32x4

const times = (x: number, a: V128): V128 => mul(number(x), a)
/** a + x² b. */
const plusSquare = (x: number, a: V128, b: V128): V128 => mulAdd(number(x * x), b, a)
/** a - x² b. */
const minusSquare = (x: number, a: V128, b: V128): V128 => mulSub(number(x * x), b, a)

/** What belongs to a point x of a pair +-x; the other pair is +-y. */
type AtPair = (x: number, y: number) => V128

/**
 * What interpolation at the points +-p and +-q (and infinity) needs. Opposite points share the sums over even and over
 * odd powers, which halves the work.
 */
class Pairs {
  readonly p: number
  readonly q: number

  constructor(p: number, q: number) {
    this.p = p
    this.q = q
  }

  /** even + odd and even - odd for both pairs. */
  both(f: Func, even: AtPair, odd: AtPair): V128[] {
    const { p, q } = this
    const one = (x: number, y: number) => {
      const [a, b] = [f.let(even(x, y)), f.let(odd(x, y))]
      return [f.let(add(a, b)), f.let(sub(a, b))]
    }
    return [...one(p, q), ...one(q, p)]
  }

  /** The coefficients d0 to d3 of powers 0 to 3, times (z² - y²)(z + x) for each point x of each pair. */
  windows(f: Func, [d0, d1, d2, d3]: readonly V128[]): V128[] {
    return this.both(
      f,
      (_, y) => minusSquare(y, d3!, d1!),
      (x, y) => times(x, minusSquare(y, d2!, d0!)),
    )
  }

  /** d0, d2 and d4 as coefficients of (z² - p²)(z² - q²): what vanishes at all four points. */
  vanishing(f: Func, d0: V128, d2: V128, d4: V128): V128 {
    const { p, q } = this
    return f.let(mulAdd(number(p * p * q * q), d0, mulSub(number(p * p + q * q), d2, d4)))
  }

  /** The polynomial with four coefficients at all four points. */
  values(f: Func, [y0, y1, y2, y3]: readonly V128[]): V128[] {
    return this.both(
      f,
      (x) => plusSquare(x, y0!, y2!),
      (x) => times(x, plusSquare(x, y1!, y3!)),
    )
  }

  /** The transpose of `values`: sums over the points, times powers 0 to 3 of each. */
  moments(f: Func, values: readonly V128[]): [V128, V128, V128, V128] {
    const { p, q } = this
    const { evenP, oddP, evenQ, oddQ } = this.evenAndOdd(f, values)
    const sum = (power: number, atP: V128, atQ: V128) =>
      mulAdd(number(q ** power), atQ, times(p ** power, atP))
    return [add(evenP, evenQ), sum(1, oddP, oddQ), sum(2, evenP, evenQ), sum(3, oddP, oddQ)]
  }

  evenAndOdd(f: Func, [a, b, c, d]: readonly V128[]) {
    return {
      evenP: f.let(add(a!, b!)),
      oddP: f.let(sub(a!, b!)),
      evenQ: f.let(add(c!, d!)),
      oddQ: f.let(sub(c!, d!)),
    }
  }
}

/**
 * F(4, 3), six products: points 0, +-3/4, +-3/2 and infinity, which have a fifth of the error of the textbook's 0, +-1,
 * +-2 and infinity.
 */
export const FOUR_OF_THREE: Filter = fourOfThree(new Pairs(3 / 4, 3 / 2))

function fourOfThree(pairs: Pairs): Filter {
  const { p, q } = pairs
  // Interpolation divides by these at its points; the weights do it for the inputs.
  const atZero = 1 / (p * p * q * q)
  const scale = (x: number, y: number) => 1 / (2 * x * x * (x * x - y * y))
  return {
    input: (f, [d0, d1, d2, d3, d4, d5]) => [
      pairs.vanishing(f, d0!, d2!, d4!),
      ...pairs.windows(f, [d1!, d2!, d3!, d4!]),
      pairs.vanishing(f, d1!, d3!, d5!),
    ],
    weight: (f, [g0, g1, g2]) => [
      f.let(times(atZero, g0!)),
      ...pairs.both(
        f,
        (x, y) => times(scale(x, y), plusSquare(x, g0!, g2!)),
        (x, y) => times(scale(x, y) * x, g1!),
      ),
      g2!,
    ],
    weightAdjoint: (f, [u0, u1, u2, u3, u4, u5]) => {
      const { evenP, oddP, evenQ, oddQ } = pairs.evenAndOdd(f, [u1!, u2!, u3!, u4!])
      const sum = (power: number, atP: V128, atQ: V128) =>
        mulAdd(number(scale(q, p) * q ** power), atQ, times(scale(p, q) * p ** power, atP))
      return [
        f.let(mulAdd(number(atZero), u0!, sum(0, evenP, evenQ))),
        f.let(sum(1, oddP, oddQ)),
        f.let(add(u5!, sum(2, evenP, evenQ))),
      ]
    },
    output: (f, [m0, m1, m2, m3, m4, m5]) => {
      const [y0, y1, y2, y3] = pairs.moments(f, [m1!, m2!, m3!, m4!])
      return [f.let(add(m0!, y0)), f.let(y1), f.let(y2), f.let(add(m5!, y3))]
    },
    outputAdjoint: (f, outputs) => [outputs[0]!, ...pairs.values(f, outputs), outputs[3]!],
  }
}

/** F(4, 2), five products: the best of such points, found by trial; 0 is none of them, so that all come in pairs. */
export const FOUR_OF_TWO: Filter = fourOfTwo(new Pairs(1 / 2, 5 / 4))

function fourOfTwo(pairs: Pairs): Filter {
  const { p, q } = pairs
  const scale = (x: number, y: number) => 1 / (2 * x * (x * x - y * y))
  return {
    input: (f, window) => [
      ...pairs.windows(f, window),
      pairs.vanishing(f, window[0]!, window[2]!, window[4]!),
    ],
    weight: (f, [g0, g1]) => [
      ...pairs.both(
        f,
        (x, y) => times(scale(x, y) * x, g1!),
        (x, y) => times(scale(x, y), g0!),
      ),
      g1!,
    ],
    weightAdjoint: (f, [u0, u1, u2, u3, u4]) => {
      const { evenP, oddP, evenQ, oddQ } = pairs.evenAndOdd(f, [u0!, u1!, u2!, u3!])
      const sum = (power: number, atP: V128, atQ: V128) =>
        mulAdd(number(scale(q, p) * q ** power), atQ, times(scale(p, q) * p ** power, atP))
      return [f.let(sum(0, oddP, oddQ)), f.let(add(u4!, sum(1, evenP, evenQ)))]
    },
    output: (f, products) => {
      const [y0, y1, y2, y3] = pairs.moments(f, products)
      return [f.let(y0), f.let(y1), f.let(y2), f.let(add(products[4]!, y3))]
    },
    outputAdjoint: (f, outputs) => [...pairs.values(f, outputs), outputs[3]!],
  }
}
