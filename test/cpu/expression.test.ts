import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExpression } from '../../src/device/expression.ts'
import { hostExpression } from '../../src/device/host-expression.ts'
import { registry } from '../../src/graph/define.ts'
import type { AnyTensor } from '../../src/tensor.ts'
import { runs } from '../support/cpu-draws.ts'
import { casesOf } from '../support/samples.ts'
import { evaluate } from './expression-support.ts'
import '../../src/index.ts'
import '../../src/optim/index.ts'

type Value = number | boolean

/** A formula as text, and its value as JavaScript works it out, each step followed by `round`. */
interface Formula {
  readonly text: string
  /** Made of numbers alone: worked out in float64. */
  readonly constant: boolean
  readonly value: (operands: readonly number[], round: (x: number) => number) => Value
}

const NAMES = 'abc'

function applied(text: string, parts: readonly Formula[], run: (...values: Value[]) => Value): Formula {
  const constant = parts.every((part) => part.constant)
  return {
    text,
    constant,
    value: (operands, round) => {
      const values = parts.map((part) => {
        const value = part.value(operands, round)
        return part.constant && !constant && typeof value === 'number' ? round(value) : value
      })
      const value = run(...values)
      return constant || typeof value === 'boolean' ? value : round(value)
    },
  }
}

const operand = fc
  .nat(NAMES.length - 1)
  .map((n): Formula => ({ text: NAMES[n]!, constant: false, value: (operands) => operands[n]! }))
const literal = fc
  .constantFrom(0, 1, 2, 3, 0.5, 0.1, 4, 1e-3, 100)
  .map(
    (x): Formula => ({ text: /[.e]/.test(String(x)) ? String(x) : `${x}.0`, constant: true, value: () => x }),
  )

type Operators = Readonly<Record<string, (a: Value, b: Value) => Value>>

const INFIX: Operators = {
  '+': (a, b) => Number(a) + Number(b),
  '-': (a, b) => Number(a) - Number(b),
  '*': (a, b) => Number(a) * Number(b),
  '/': (a, b) => Number(a) / Number(b),
}
const COMPARISONS: Operators = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '==': (a, b) => Number(a) === Number(b),
  '!=': (a, b) => Number(a) !== Number(b),
}

/** Calls of these functions, by how they are written. */
const calls = (...texts: readonly string[]) =>
  texts.map((text) => ({
    text,
    parts: /\bb\b/.test(text) ? 2 : 1,
    run: hostExpression(text),
  }))
const EXACT = calls(
  ...['abs', 'floor', 'ceil', 'trunc', 'sqrt'].map((name) => `Math.${name}(a)`),
  'Math.min(a, b)',
  'Math.max(a, b)',
)
const SMOOTH = [
  ...EXACT,
  ...calls(...['exp', 'atan', 'sin', 'cos', 'log', 'tanh'].map((name) => `Math.${name}(a)`)),
  // Rounding makes whole numbers of large exponents: of a negative base they would tell.
  ...calls('pow(Math.abs(a), b)', 'erf(a)', 'expm1(a)', 'log1p(a)', 'sigmoid(a)'),
]

const and = (a: Value, b: Value) => a && b
const or = (a: Value, b: Value) => a || b
const choice = (c: Value, a: Value, b: Value) => (c ? a : b)

/** Formulas over these functions of Math; `ties` also with what turns on two numbers being the same to the last bit. */
function formulas(functions: typeof SMOOTH, ties: boolean): fc.Arbitrary<Formula> {
  const operators = (table: Operators, part: fc.Arbitrary<Formula>) =>
    fc
      .tuple(fc.constantFrom(...Object.keys(table)), part, part)
      .map(([sign, a, b]) => applied(`(${a.text} ${sign} ${b.text})`, [a, b], table[sign]!))
  const ternary = (condition: fc.Arbitrary<Formula>, part: fc.Arbitrary<Formula>) =>
    fc
      .tuple(condition, part, part)
      .map(([c, a, b]) => applied(`(${c.text} ? ${a.text} : ${b.text})`, [c, a, b], choice))
  const { number } = fc.letrec<{ number: Formula; truth: Formula }>((tie) => {
    const [number, truth] = [tie('number'), tie('truth')]
    const call = fc
      .tuple(fc.constantFrom(...functions), number, number)
      .map(([{ text, parts, run }, a, b]) => {
        const written = text.replace(/\b[ab]\b/g, (name) => (name === 'a' ? a : b).text)
        return applied(written, [a, b].slice(0, parts), (...values) => run(values.map(Number)))
      })
    const logic = { '&&': and, '||': or }
    const { '==': _, '!=': __, ...unequal } = COMPARISONS
    return {
      number: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        operand,
        literal,
        operators(INFIX, number),
        operators(INFIX, number),
        call,
        number.map((a) => applied(`-(${a.text})`, [a], (x) => -x)),
        ternary(ties ? fc.oneof(truth, number) : truth, number),
        ...(ties ? [operators(logic, number), truth] : []),
      ),
      truth: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        operators(ties ? COMPARISONS : unequal, number),
        truth.map((a) => applied(`!${a.text}`, [a], (x) => !x)),
        operators(logic, truth),
        ternary(truth, truth),
      ),
    }
  })
  return number
}

/** Operands by name, from rows of one number for each. */
const columns = (rows: readonly (readonly number[])[]): Record<string, Float32Array> =>
  Object.fromEntries(Array.from(NAMES, (name, n) => [name, Float32Array.from(rows, (row) => row[n]!)]))

const TRICKY = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  -2.5,
  3,
  Number.NaN,
  Infinity,
  -Infinity,
  1e-40,
  3e38,
  0.1,
  -7,
  100,
].map(Math.fround)

type Row = readonly [number, number, number]

const tricky = TRICKY.flatMap((a) => TRICKY.flatMap((b) => TRICKY.map((c): Row => [a, b, c])))
/** A quarter of them each, in which all pairs are. */
const quarters = [0, 1, 2, 3].map((k) => tricky.filter((_, i) => ((i >> 8) + (i >> 4) + i - k) % 4 === 0))

/** Expects the bits that a formula has in JavaScript. */
function expectBits(text: string, rows: readonly Row[], value: (row: Row) => number): void {
  const got = evaluate(text, columns(rows))
  rows.forEach((row, i) => {
    const wanted = Math.fround(value(row))
    if (!Object.is(got[i], wanted)) expect.fail(`${text} of ${row} is ${wanted}, got ${got[i]}`)
  })
}

test('what float32 works out without functions has the bits that JavaScript gives', () => {
  fc.assert(
    fc.property(formulas(EXACT, true), fc.constantFrom(...quarters), ({ text, value }, rows) =>
      expectBits(text, rows, (row) => Number(value(row, Math.fround))),
    ),
    runs(150),
  )
})

/** Formulas that are compiled in a form of their own, in JavaScript with the rounding that float32 has within them. */
const IDIOMS: Readonly<Record<string, (a: number, b: number, c: number) => number>> = {
  'a < b ? a : b': (a, b) => (a < b ? a : b),
  'a < b ? b : a': (a, b) => (a < b ? b : a),
  'a > b ? a : b': (a, b) => (a > b ? a : b),
  'a > b ? b : a': (a, b) => (a > b ? b : a),
  'a <= b ? a : b': (a, b) => (a <= b ? a : b),
  'a < 0.0 ? 0.0 : a': (a) => (a < 0 ? 0 : a),
  'a > 0.0 ? a : -0.0': (a) => (a > 0 ? a : -0),
  'a < b ? c : 0.0': (a, b, c) => (a < b ? c : 0),
  'a < b ? 0.0 : c': (a, b, c) => (a < b ? 0 : c),
  'a < b ? c : -0.0': (a, b, c) => (a < b ? c : -0),
  'a == b ? -0.0 : c': (a, b, c) => (a === b ? -0 : c),
  '!(a < b) ? c : a': (a, b, c) => (a < b ? a : c),
  '!(a == b) ? c : a': (a, b, c) => (a === b ? a : c),
  'a < 2.0 || a >= 2.0 ? b : c': (a, b, c) => (a < 2 || a >= 2 ? b : c),
  'a < 2.0 || a >= b ? c : 1.0': (a, b, c) => (a < 2 || a >= b ? c : 1),
  'a < b || a >= b ? c : 1.0': (a, b, c) => (a < b || a >= b ? c : 1),
  'Math.max(a, 0.0)': (a) => Math.max(a, 0),
  'Math.min(-0.0, a)': (a) => Math.min(-0, a),
  'Math.max(1.0, a)': (a) => Math.max(1, a),
  'Math.min(a, 0.5)': (a) => Math.min(a, 0.5),
  'a - 0.0': (a) => a - 0,
  'a - -0.0': (a) => a - -0,
  'a + -0.0': (a) => a + -0,
  '-(a - b)': (a, b) => -(a - b),
  '-(a * 3.0)': (a) => -(a * 3),
  '-a / b': (a, b) => -a / b,
  '-a * -b': (a, b) => -a * -b,
  '-a + b': (a, b) => -a + b,
  'a * -1.0': (a) => a * -1,
  'a / -4.0': (a) => a / -4,
  'a / 3.0': (a) => a / 3,
  'a / 2.938735877055719e-39': (a) => a / 2 ** -128,
  'a * b + c': (a, b, c) => Math.fround(a * b) + c,
  'c - a * b': (a, b, c) => c - Math.fround(a * b),
  'a * b - 2.0': (a, b) => Math.fround(a * b) - 2,
  'a * b - c': (a, b, c) => Math.fround(a * b) - c,
  'Math.pow(a, 2.0)': (a) => a * a,
  'pow(a, 1.0)': (a) => a,
  'pow(a, 0.0)': () => 1,
  'pow(a, -1.0)': (a) => 1 / a,
}

test.each(Object.entries(IDIOMS))('%s has the bits that JavaScript gives', (text, value) => {
  expectBits(text, tricky, (row) => value(...row))
})

const isExtreme = (x: number) => Math.abs(x) > 1e37 || (x !== 0 && Math.abs(x) < 1e-37)

/** Values of a formula with what rounding each step could have done to them, by chance; null at the ends of float32. */
function blurred({ value }: Formula, row: readonly number[], times: number): number[] | null {
  let seed = 1
  let extreme = isExtreme(Number(value(row, (x) => x)))
  const nudge = (x: number) => {
    seed = (seed * 16807) % 2147483647
    extreme ||= isExtreme(x)
    return x * (1 + 4e-7 * (seed / 2147483647 - 0.5))
  }
  const values = Array.from({ length: times }, () => Number(value(row, nudge)))
  return extreme ? null : values
}

test('formulas with functions come to what JavaScript makes of them, with fma and without', () => {
  const rows = Array.from({ length: 64 }, (_, i) =>
    [0.618, 0.7549, 0.5698].map((step) => Math.fround((((i + 1) * step) % 1) * 6 - 3)),
  )
  const operands = columns(rows)
  fc.assert(
    fc.property(formulas(SMOOTH, false), (formula) => {
      const results = [false, true].map((fma) => evaluate(formula.text, operands, { fma }))
      rows.forEach((row, i) => {
        const wanted = Number(formula.value(row, (x) => x))
        const near = blurred(formula, row, 16)
        if (near === null || near.some((x) => Number.isNaN(x) !== Number.isNaN(wanted))) return
        const slack = Math.max(...near.map((x) => (x === wanted ? 0 : Math.abs(x - wanted))))
        for (const got of results) {
          const isRight = Number.isNaN(wanted)
            ? Number.isNaN(got[i])
            : got[i] === wanted || Math.abs(got[i]! - wanted) <= 1e-6 * Math.abs(wanted) + 4 * slack
          if (!isRight) expect.fail(`${formula.text} of ${row} is ${wanted}, got ${got[i]}`)
        }
      })
    }),
    runs(150),
  )
})

/** The formulas behind a tensor. */
function formulasOf(root: AnyTensor): Set<string> {
  const found = new Set<string>()
  const visit = ({ op, inputs }: AnyTensor) => {
    if (op && 'expr' in op.forward) found.add(op.forward.expr)
    inputs.forEach(visit)
  }
  visit(root)
  return found
}

const ofOperations = new Set(
  [...registry.values()].flatMap((entry) =>
    fc
      .sample(casesOf(entry), { numRuns: 5, seed: 1 })
      .flatMap((c) => [...formulasOf(entry.apply(c.inputs, c.params))]),
  ),
)

test.each([...ofOperations])('%s', (expr) => {
  const { names } = parseExpression(expr)
  const letters = 'abcdefgh'
  const operands = Object.fromEntries(
    names.map((name, n) => [
      name,
      Float32Array.from({ length: 64 }, (_, i) =>
        name.length > 1 ? i % 4 : (((i + 1) * (0.618 + 0.07 * n)) % 1) * 5 - 1.5,
      ),
    ]),
  )
  // On the host coordinates are operands too.
  const host = hostExpression(expr.replace(/\bi(\d)\b/g, (_, d) => letters[7 - Number(d)]!))
  const got = evaluate(expr, operands)
  got.forEach((y, i) => {
    const row = Array.from(letters, (letter, n) => (operands[letter] ?? operands[`i${7 - n}`])?.[i] ?? 0)
    const wanted = host(row)
    const isRight = Number.isNaN(wanted)
      ? Number.isNaN(y)
      : Math.abs(y - wanted) <= 1e-5 * Math.max(0.1, Math.abs(wanted))
    if (!isRight) expect.fail(`of ${row} it is ${wanted}, got ${y}`)
  })
})

describe('what is outside the language', () => {
  test.each([
    ['a +', 'it ends too early'],
    ['a b', "unexpected 'b'"],
    ['(a', "expected ')' before the end"],
    ['a ? b', "expected ':' before the end"],
    ['erf(a', "expected ')' before the end"],
    ['a % b', "unexpected '%'"],
    ['Math.cbrt(a)', 'there is no function Math.cbrt of 1 number'],
    ['Math.erf(a)', 'there is no function Math.erf of 1 number'],
    ['exp(a)', 'there is no function exp of 1 number'],
    ['Math.pow(a)', 'there is no function Math.pow of 1 number'],
  ])('%s: %s', (expr, what) => {
    expect(() => parseExpression(expr)).toThrow(
      `expression: ${what}, got '${expr}'. Write it in the subset of JavaScript that kernels know.`,
    )
  })

  test('operands that are not there', () => {
    expect(() => evaluate('a + k', { a: new Float32Array(4) })).toThrow()
  })
})

describe('what is worked out beforehand', () => {
  const operations = (expr: string) =>
    [...parseExpression(expr).uses.keys()].flatMap((node) => (node.kind === 'call' ? [node.op] : [])).sort()

  test.each([
    ['a + 2.0 * 3.0', ['add']],
    ['(a + b) * (b + a)', ['add', 'mul']],
    ['Math.exp(a) / (1.0 + Math.exp(a))', ['add', 'div', 'exp']],
    ['a / 8.0', ['mul']],
    ['a / 3.0', ['div']],
    ['a + -b', ['sub']],
    ['-(-a)', []],
    ['c - -a * b', ['add', 'mul']],
    ['Math.pow(a, 2.0)', ['mul']],
    ['a < 0.0 || a >= 0.0 ? a : b', ['eq', 'select']],
    ['!(a == b) ? a : b', ['ne', 'select']],
    ['a > 0.0 ? b : b', []],
    ['a * 1.0 - 0.0', []],
    ['a * 0.0', ['mul']],
    ['a + 0.0', ['add']],
  ])('%s takes %s', (expr, wanted) => {
    expect(operations(expr)).toEqual(wanted)
  })
})
