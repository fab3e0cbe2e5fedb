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
const expm1 = (x: string): string =>
  `(Math.abs(${x}) < 0.5 ? ${x} * (${horner(
    x,
    steps(15).map((k) => 1 / factorial(k + 1)),
  )}) : Math.exp(${x}) - 1.0)`

/** log(1 + x) = 2 atanh(s), s = x / (2 + x), as a series in s^2 near 0. GPUs give a finite logarithm of 0 and below. */
const log1p = (x: string): string => {
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

/** erf(x), to the last digits of float64; beyond 6 it rounds to 1. */
const erf = (x: string): string => {
  const square = `(${x} * ${x})`
  const size = `Math.abs(${x})`
  const near = `${x} * (${horner(square, NEAR.over)}) / (${horner(square, NEAR.under)})`
  const rest = `Math.exp(-${square}) * (${horner(size, FAR.over)}) / (${horner(size, FAR.under)})`
  return `(${size} < 0.5 ? ${near} : ${x} > 6.0 ? 1.0 : ${x} < -6.0 ? -1.0 : (${x} > 0.0 ? 1.0 : -1.0) * (1.0 - ${rest}))`
}

/** 1 / (1 + exp(-x)), without overflow. */
const sigmoid = (x: string): string =>
  `(${x} >= 0.0 ? 1.0 / (1.0 + Math.exp(-${x})) : Math.exp(${x}) / (1.0 + Math.exp(${x})))`

const EXPANSIONS: ReadonlyMap<string, (x: string) => string> = new Map(
  Object.entries({ erf, expm1, log1p, sigmoid }),
)

/** Whether formulas may call `name` although Math has no such function, or none to be trusted. */
export const isExpanded = (name: string): boolean => EXPANSIONS.has(name)

const CALL = new RegExp(`(?<![\\w.])(${[...EXPANSIONS.keys()].join('|')})\\(`)

/** A formula with such calls written out in arithmetic. */
export function expand(expr: string): string {
  const found = CALL.exec(expr)
  if (!found) return expr
  const from = found.index + found[0].length
  let end = from
  for (let open = 1; open > 0; end++) {
    if (end === expr.length) throw new SyntaxError(`'${expr}' leaves a parenthesis open`)
    if (expr[end] === '(') open++
    else if (expr[end] === ')') open--
  }
  const argument = expand(expr.slice(from, end - 1))
  const simple = /^\w+$/.test(argument)
  const written = EXPANSIONS.get(found[1]!)!(simple ? argument : `(${argument})`)
  return `${expr.slice(0, found.index)}${written}${expand(expr.slice(end))}`
}
