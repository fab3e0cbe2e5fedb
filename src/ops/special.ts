import type { Tensor } from '../tensor.ts'
import { unary } from './elementwise.ts'

// No device can be trusted with these: JavaScript has no erf, the log1p and expm1 of GPUs are log(1 + x) and exp(x) - 1,
// whose digits cancel near 0, and their sin and cos may be off by 1e-3. So each is written out in arithmetic, which all
// devices round alike.

/** c0 + x (c1 + x (c2 + ...)): a polynomial as an expression. */
const horner = (x: string, coefficients: readonly number[]): string =>
  coefficients.map(literal).reduceRight((rest, c) => (rest === '' ? c : `${c} + ${x} * (${rest})`), '')

/** A number as gpu.js reads a float: never as a whole number. */
function literal(c: number): string {
  const text = String(c)
  return /[.e]/.test(text) ? text : `${text}.0`
}

const steps = (count: number): number[] => Array.from({ length: count }, (_, k) => k)
const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1))

/** exp(x) - 1: its series up to x^15 within 1/2 of 0, where the difference would lose digits. */
export const expm1Text = (x: string): string =>
  `(Math.abs(${x}) < 0.5 ? ${x} * (${horner(
    x,
    steps(15).map((k) => 1 / factorial(k + 1)),
  )}) : Math.exp(${x}) - 1.0)`

/** log(1 + x) = 2 atanh(s), s = x / (2 + x), as a series in s^2 near 0. GPUs give a finite logarithm of 0 and below. */
const log1pText = (x: string): string => {
  const squared = `(${x} * ${x} / ((2.0 + ${x}) * (2.0 + ${x})))`
  const series = horner(
    squared,
    steps(12).map((k) => 2 / (2 * k + 1)),
  )
  const edge = `${x} == -1.0 ? -1.0 / ((1.0 + ${x}) * (1.0 + ${x})) : (${x} - ${x}) / (${x} - ${x})`
  return `(${x} > -0.3 && ${x} < 0.45 ? ${x} / (2.0 + ${x}) * (${series}) : ${x} > -1.0 ? Math.log(1.0 + ${x}) : ${edge})`
}

// W. J. Cody's rational approximations (Mathematics of Computation 23, 1969): erf(x) / x in x^2 up to 1/2, and
// exp(x^2) erfc(x) in x above, where beyond 4 his third one is not needed: what it would mend is below 1e-17.
const NEAR = {
  over: [3209.377589138469, 377.485237685302, 113.86415415105016, 3.1611237438705655, 0.18577770618460315],
  under: [2844.236833439171, 1282.6165260773723, 244.02463793444417, 23.601290952344122, 1],
}
export const FAR = {
  over: [
    1230.3393547979972, 2051.0783778260716, 1712.0476126340707, 881.952221241769, 298.6351381974001,
    66.11919063714163, 8.883149794388377, 0.5641884969886701, 2.1531153547440383e-8,
  ],
  under: [
    1230.3393548037495, 3439.3676741437216, 4362.619090143247, 3290.7992357334597, 1621.3895745666903,
    537.181101862009, 117.6939508913125, 15.744926110709835, 1,
  ],
}

/** erf(x), to the last digits of float64; beyond 6 it rounds to 1. */
export const erfText = (x: string): string => {
  const square = `(${x} * ${x})`
  const size = `Math.abs(${x})`
  const near = `${x} * (${horner(square, NEAR.over)}) / (${horner(square, NEAR.under)})`
  const rest = `Math.exp(-${square}) * (${horner(size, FAR.over)}) / (${horner(size, FAR.under)})`
  return `(${size} < 0.5 ? ${near} : ${x} > 6.0 ? 1.0 : ${x} < -6.0 ? -1.0 : (${x} > 0.0 ? 1.0 : -1.0) * (1.0 - ${rest}))`
}

// pi in three parts, the first two so short that float32 multiplies them without rounding.
const PI = [3.140625, 0.0009675025939941406, 1.5099579909783765e-7] as const

/** sin(r) for r = x - turns * pi between -pi / 2 and pi / 2, by its series; `sign` is -1 at every other turn. */
const turnedSine = (x: string, turns: string, sign: string): string => {
  const r = `(((${x} - ${turns} * ${PI[0]}) - ${turns} * ${PI[1]}) - ${turns} * ${PI[2]})`
  const series = horner(
    `(${r} * ${r})`,
    steps(12).map((k) => (-1) ** k / factorial(2 * k + 1)),
  )
  // Far out the parts of pi are too few, and so are the digits of x.
  return `${sign} * ${r} * (${series})`
}

const isEven = (whole: string): string => `Math.floor(${whole} * 0.5) * 2.0 == ${whole}`
const half = `Math.floor(a * ${1 / Math.PI} + 0.5)`
const full = `Math.floor(a * ${1 / Math.PI})`
const sinText = `Math.abs(a) < 10000.0 ? ${turnedSine('a', half, `(${isEven(half)} ? 1.0 : -1.0)`)} : Math.sin(a)`
const cosText = `Math.abs(a) < 10000.0 ? ${turnedSine('a', `(${full} + 0.5)`, `(${isEven(full)} ? -1.0 : 1.0)`)} : Math.cos(a)`

/** The sine of x in radians, as `torch.sin`; elementwise. */
export const sin = unary('sin', sinText, (g, x) => g.mul(cos(x)))

/** The cosine of x in radians, as `torch.cos`; elementwise. */
export const cos: (x: Tensor) => Tensor = unary('cos', cosText, (g, x) => g.mul(sin(x)).neg())

/** exp(x) - 1 without the loss of digits near 0, as `torch.expm1`; elementwise. */
export const expm1 = unary('expm1', expm1Text('a'), (g, x) => g.mul(x.exp()))

/** log(1 + x) without the loss of digits near 0, as `torch.log1p`; elementwise, NaN below -1. */
export const log1p = unary('log1p', log1pText('a'), (g, x) => g.div(x.add(1)), { low: -0.7, high: 3 })

/** The error function 2 / sqrt(pi) * (integral of exp(-t^2) from 0 to x), as `torch.erf`; elementwise. */
export const erf = unary('erf', erfText('a'), (g, x) =>
  g.mul(
    x
      .square()
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI)),
  ),
)
