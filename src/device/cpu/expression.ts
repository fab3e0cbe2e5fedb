import { DeviceError } from '../../errors.ts'
import { type Expression, parseExpression } from '../expression.ts'
import type { CallNode, Node, Op } from '../expression-nodes.ts'
import { expand } from '../text/special.ts'
import { erf, exp, expm1, log, log1p, sigmoid, tanh } from './maths.ts'
import { f32, f32x4, f64, type V128, v128 } from './wasm/expr.ts'
import { callMath, type Func, type Local, type MATH } from './wasm/func.ts'

/**
 * Four values at once of a kernel's formula over these operands (`a`, `b`, ..., `i0`, ...), which are best locals: each
 * is read as often as the formula has it.
 *
 * @throws DeviceError where the formula cannot be read or names an operand that is not there.
 */
export function emitExpression(
  f: Func,
  expr: string,
  operands: Readonly<Record<string, V128>>,
): Local<'v128'> {
  const expression = parseExpression(expr)
  return f.let(new Emission(f, expr, expression, operands).value(expression.root))
}

class Emission {
  readonly #f: Func
  readonly #text: string
  readonly #expression: Expression
  readonly #operands: Readonly<Record<string, V128>>
  readonly #done = new Map<Node, V128>()

  constructor(f: Func, text: string, expression: Expression, operands: Readonly<Record<string, V128>>) {
    this.#f = f
    this.#text = text
    this.#expression = expression
    this.#operands = operands
  }

  value(node: Node): V128 {
    const done = this.#done.get(node)
    if (done) return done
    if (node.kind === 'number') return f32x4.const(node.value)
    const value = node.kind === 'name' ? this.#operand(node.name) : this.#call(node)
    const kept = node.kind === 'call' && this.#isShared(node) ? this.#f.let(value) : value
    this.#done.set(node, kept)
    return kept
  }

  #isShared = (node: Node): boolean => this.#expression.uses.get(node)! > 1

  #operand(name: string): V128 {
    const operand = this.#operands[name]
    if (operand) return operand
    throw new DeviceError(
      `expression: no operand '${name}', got '${this.#text}' over ${Object.keys(this.#operands).join(', ')}. Use one of these.`,
    )
  }

  #call(node: CallNode): V128 {
    return this.#fused(node) ?? SIMPLE[node.op](this.#f, ...node.args.map((arg) => this.value(arg)))
  }

  /** A sum with a product that stands nowhere else. */
  #fused({ op, args }: CallNode): V128 | null {
    const [left, right] = args
    if (op === 'add') {
      if (this.#isProduct(right!)) return this.#mulAdd(right, left!)
      if (this.#isProduct(left!)) return this.#mulAdd(left, right!)
    }
    if (op === 'sub' && this.#isProduct(right!)) {
      const [a, b] = right.args.map((arg) => this.value(arg))
      return f32x4.mulSub(a!, b!, this.value(left!))
    }
    return null
  }

  #isProduct(node: Node): node is CallNode {
    return node.kind === 'call' && node.op === 'mul' && !this.#isShared(node)
  }

  #mulAdd(product: CallNode, term: Node): V128 {
    const [a, b] = product.args.map((arg) => this.value(arg))
    return f32x4.mulAdd(a!, b!, this.value(term))
  }
}

type Emit = (f: Func, ...args: V128[]) => V128

const plain =
  (emit: (a: V128, b: V128, c: V128) => V128): Emit =>
  (_, a, b, c) =>
    emit(a!, b!, c!)

/** A function of Math on each lane, in float64. */
const lanewise =
  (name: (typeof MATH)[number]): Emit =>
  (f, ...args) => {
    const kept = args.map((arg) => f.let(arg))
    const result = f.local('v128')
    for (let lane = 0; lane < 4; lane++) {
      const numbers = kept.map((arg) => f64.promote(f32x4.extract(arg, lane)))
      f.set(result, f32x4.replace(result, lane, f32.demote(callMath(name, ...numbers))))
    }
    return result
  }

const SIMPLE: Readonly<Record<Op, Emit>> = {
  add: plain(f32x4.add),
  sub: plain(f32x4.sub),
  mul: plain(f32x4.mul),
  div: plain(f32x4.div),
  neg: plain(f32x4.neg),
  lt: plain(f32x4.lt),
  le: plain(f32x4.le),
  eq: plain(f32x4.eq),
  ne: plain(f32x4.ne),
  and: plain(v128.and),
  or: plain(v128.or),
  not: plain(v128.not),
  select: plain((condition, a, b) => v128.bitselect(a, b, condition)),
  abs: plain(f32x4.abs),
  ceil: plain(f32x4.ceil),
  floor: plain(f32x4.floor),
  trunc: plain(f32x4.trunc),
  sqrt: plain(f32x4.sqrt),
  min: plain(f32x4.min),
  max: plain(f32x4.max),
  exp: (f, a) => exp(f, a!),
  expm1: (f, a) => expm1(f, a!),
  log: (f, a) => log(f, a!),
  log1p: (f, a) => log1p(f, a!),
  tanh: (f, a) => tanh(f, a!),
  sigmoid: (f, a) => sigmoid(f, a!),
  erf: (f, a) => erf(f, a!),
  sin: lanewise('sin'),
  cos: lanewise('cos'),
  atan: lanewise('atan'),
  pow: lanewise('pow'),
}

const compiled = new Map<string, (operands: readonly number[]) => number>()

/** A formula as a function of its operands `a`, `b`, ... in order, in float64; compiled once per text. */
export function hostExpression(expr: string): (operands: readonly number[]) => number {
  let run = compiled.get(expr)
  if (!run) {
    parseExpression(expr)
    run = new Function('[a, b, c, d, e, f, g, h]', `return Number(${expand(expr)})`) as (
      operands: readonly number[],
    ) => number
    compiled.set(expr, run)
  }
  return run
}
