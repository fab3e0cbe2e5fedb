// Functions that formulas may call beside those of Math. No device that runs text can be trusted with them: JavaScript has
// no erf, the log1p and expm1 of GPUs are log(1 + x) and exp(x) - 1, whose digits cancel near 0, their sin and cos may be
// off by 1e-3, and at the edges they give finite numbers. So each is written out in arithmetic, which all devices round
// alike.

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
const expm1 = (x: string): string =>
  `Math.abs(${x}) < 0.5 ? ${x} * (${horner(
    x,
    steps(15).map((k) => 1 / factorial(k + 1)),
  )}) : Math.exp(${x}) - 1.0`

/** log(1 + x) = 2 atanh(s), s = x / (2 + x), as a series in s^2 near 0. GPUs give a finite logarithm of 0 and below. */
const log1p = (x: string): string => {
  const squared = `(${x} * ${x} / ((2.0 + ${x}) * (2.0 + ${x})))`
  const series = horner(
    squared,
    steps(12).map((k) => 2 / (2 * k + 1)),
  )
  const edge = `${x} == -1.0 ? -1.0 / ((1.0 + ${x}) * (1.0 + ${x})) : (${x} - ${x}) / (${x} - ${x})`
  return `${x} > -0.3 && ${x} < 0.45 ? ${x} / (2.0 + ${x}) * (${series}) : ${x} > -1.0 ? Math.log(1.0 + ${x}) : ${edge}`
}

// W. J. Cody's rational approximations (Mathematics of Computation 23, 1969): erf(x) / x in x^2 up to 1/2, and
// exp(x^2) erfc(x) in x above, where beyond 4 his third one is not needed: what it would mend is below 1e-17.
const NEAR = {
  over: [3209.377589138469, 377.485237685302, 113.86415415105016, 3.1611237438705655, 0.18577770618460315],
  under: [2844.236833439171, 1282.6165260773723, 244.02463793444417, 23.601290952344122, 1],
}
const FAR = {
  over: [
    1230.3393547979972, 2051.0783778260716, 1712.0476126340707, 881.952221241769, 298.6351381974001,
    66.11919063714163, 8.883149794388377, 0.5641884969886701, 2.1531153547440383e-8,
  ],
  under: [
    1230.3393548037495, 3439.3676741437216, 4362.619090143247, 3290.7992357334597, 1621.3895745666903,
    537.181101862009, 117.6939508913125, 15.744926110709835, 1,
  ],
}

const near = (x: string): string => {
  const square = `(${x} * ${x})`
  return `${x} * (${horner(square, NEAR.over)}) / (${horner(square, NEAR.under)})`
}

/** erf(x), to the last digits of float64; beyond 6 it rounds to 1. */
const erf = (x: string): string => {
  const size = `Math.abs(${x})`
  const rest = `Math.exp(-(${x} * ${x})) * (${horner(size, FAR.over)}) / (${horner(size, FAR.under)})`
  return `${size} < 0.5 ? ${near(x)} : ${x} > 6.0 ? 1.0 : ${x} < -6.0 ? -1.0 : (${x} > 0.0 ? 1.0 : -1.0) * (1.0 - ${rest})`
}

/** exp(x^2) (1 - erf(x)), which keeps its digits where 1 - erf(x) has none left. */
const erfcx = (x: string): string => {
  const far = `(${horner(x, FAR.over)}) / (${horner(x, FAR.under)})`
  return `${x} < 0.5 ? Math.exp(${x} * ${x}) * (1.0 - (${erf(x)})) : ${far}`
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
  return `${sign} * ${r} * (${series})`
}

const isEven = (whole: string): string => `Math.floor(${whole} * 0.5) * 2.0 == ${whole}`

// Far out the parts of pi are too few, and so are the digits of x.
const sin = (x: string): string => {
  const half = `Math.floor(${x} * ${1 / Math.PI} + 0.5)`
  return `Math.abs(${x}) < 10000.0 ? ${turnedSine(x, half, `(${isEven(half)} ? 1.0 : -1.0)`)} : Math.sin(${x})`
}

const cos = (x: string): string => {
  const full = `Math.floor(${x} * ${1 / Math.PI})`
  return `Math.abs(${x}) < 10000.0 ? ${turnedSine(x, `(${full} + 0.5)`, `(${isEven(full)} ? -1.0 : 1.0)`)} : Math.cos(${x})`
}

/** 1 / (1 + exp(-x)), without overflow. */
const sigmoid = (x: string): string =>
  `${x} >= 0.0 ? 1.0 / (1.0 + Math.exp(-${x})) : Math.exp(${x}) / (1.0 + Math.exp(${x}))`

// GPUs give a finite number at 0 and below, where -Infinity and NaN belong.
const log = (x: string): string =>
  `${x} > 0.0 ? Math.log(${x}) : ${x} == 0.0 ? -1.0 / (${x} * ${x}) : (${x} - ${x}) / (${x} - ${x})`

// GPUs give NaN where exp overflows; beyond 20 float64 rounds to 1 too.
const tanh = (x: string): string => `${x} > 20.0 ? 1.0 : ${x} < -20.0 ? -1.0 : Math.tanh(${x})`

// GPUs define pow for positive bases only: elsewhere they give NaN, the wrong sign, or a finite number for 0^-1.
const pow = (a: string, b: string): string => {
  const negativeBase = `Math.floor(${b}) != ${b} ? (${a} - ${a}) / (${a} - ${a}) : Math.floor(${b} * 0.5) * 2.0 == ${b} ? Math.pow(-${a}, ${b}) : -Math.pow(-${a}, ${b})`
  return `${b} == 2.0 ? ${a} * ${a} : ${b} == 0.0 ? 1.0 : ${a} > 0.0 ? Math.pow(${a}, ${b}) : ${a} == 0.0 ? (${b} > 0.0 ? 0.0 : 1.0 / (${a} * ${a})) : ${negativeBase}`
}

const EXPANSIONS: Readonly<Record<string, (a: string, b: string) => string>> = {
  cos,
  erf,
  erfcx,
  expm1,
  log,
  log1p,
  pow,
  sigmoid,
  sin,
  tanh,
}

/** Whether formulas may call `name` without `Math.`. */
export const isExpanded = (name: string): boolean => Object.hasOwn(EXPANSIONS, name)

const CALL = new RegExp(`(?<![\\w.])(${Object.keys(EXPANSIONS).join('|')})\\(`)

/** A formula with the calls of these functions written out in arithmetic, but for those that `keeps` says. */
export function expand(expr: string, keeps: (name: string) => boolean = () => false): string {
  const found = CALL.exec(expr)
  const call = found && argumentsFrom(expr, found.index + found[0].length)
  if (!call) return expr
  const name = found[1]!
  const args = call.args.map((arg) => expand(arg, keeps))
  const [a, b] = args.map((arg) => (/^\w+$/.test(arg) ? arg : `(${arg})`))
  const written = keeps(name) ? `${name}(${args.join(', ')})` : `(${EXPANSIONS[name]!(a!, b!)})`
  return `${expr.slice(0, found.index)}${written}${expand(expr.slice(call.end), keeps)}`
}

/** The arguments that begin at `from`, and where what is behind their parenthesis begins; null where it stays open. */
function argumentsFrom(expr: string, from: number): { args: string[]; end: number } | null {
  const args: string[] = []
  let open = 1
  let begin = from
  for (let at = from; at < expr.length; at++) {
    const c = expr[at]
    if (c === '(') open++
    else if (c === ')') open--
    if (open === 0 || (open === 1 && c === ',')) {
      args.push(expr.slice(begin, at).trim())
      begin = at + 1
    }
    if (open === 0) return { args, end: begin }
  }
  return null
}
