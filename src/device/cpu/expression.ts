import { DeviceError } from '../../errors.ts'
import { type Expression, parseExpression } from '../expression.ts'
import type { CallNode, Node, Op } from '../expression-nodes.ts'
import { erf, exp, expm1, lanewise, log, log1p, sigmoid, tanh } from './maths.ts'
import { pow } from './pow.ts'
import type { V128 } from './wasm/expr.ts'
import type { Func, Local } from './wasm/func.ts'
import { f32x4, v128 } from './wasm/simd.ts'

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
  const missing = expression.names.find((name) => !Object.hasOwn(operands, name))
  if (missing !== undefined)
    throw new DeviceError(
      `expression: there is no operand '${missing}', got '${expr}' over ${Object.keys(operands).join(', ') || 'nothing'}. Use one of these.`,
    )
  return f.let(new Emission(f, expression, operands).value(expression.root))
}

class Emission {
  readonly #f: Func
  readonly #uses: Expression['uses']
  readonly #operands: Readonly<Record<string, V128>>
  readonly #done = new Map<Node, V128>()

  constructor(f: Func, { uses }: Expression, operands: Readonly<Record<string, V128>>) {
    this.#f = f
    this.#uses = uses
    this.#operands = operands
  }

  value(node: Node): V128 {
    if (node.kind === 'number') return f32x4.const(node.value)
    if (node.kind === 'name') return this.#operands[node.name]!
    let value = this.#done.get(node)
    if (!value) {
      value = this.#call(node)
      if (this.#isShared(node)) value = this.#f.let(value)
      this.#done.set(node, value)
    }
    return value
  }

  #isShared(node: Node): boolean {
    return this.#uses.get(node)! > 1
  }

  #call(node: CallNode): V128 {
    return this.#joined(node) ?? EMIT[node.op](this.#f, ...node.args.map((arg) => this.value(arg)))
  }

  /** What takes fewer instructions together with its operands. */
  #joined({ op, args }: CallNode): V128 | null {
    const [a, b, c] = args
    if (op === 'add') return this.#productPlus(b!, a!) ?? this.#productPlus(a!, b!)
    if (op === 'sub') return this.#minusProduct(a!, b!)
    if (op === 'min' || op === 'max') return this.#extremeOf(op, a!, b!) ?? this.#extremeOf(op, b!, a!)
    return op === 'select' ? this.#choice(a!, b!, c!) : null
  }

  /** The factors of a product that stands nowhere else. */
  #factors(node: Node): readonly V128[] | null {
    const alone = node.kind === 'call' && node.op === 'mul' && !this.#isShared(node)
    return alone ? node.args.map((arg) => this.value(arg)) : null
  }

  #productPlus(product: Node, term: Node): V128 | null {
    const factors = this.#factors(product)
    return factors && f32x4.mulAdd(factors[0]!, factors[1]!, this.value(term))
  }

  #minusProduct(a: Node, b: Node): V128 | null {
    const factors = this.#factors(b)
    if (factors) return f32x4.mulSub(factors[0]!, factors[1]!, this.value(a))
    if (b.kind !== 'number') return null
    const added = this.#factors(a)
    return added && f32x4.mulAdd(added[0]!, added[1]!, f32x4.const(-b.value))
  }

  /** Of a variable and a number other than 0, by the cheap instructions, which keep their first operand where it is NaN. */
  #extremeOf(op: 'min' | 'max', x: Node, limit: Node): V128 | null {
    if (limit.kind !== 'number' || limit.value === 0 || Number.isNaN(limit.value)) return null
    return (op === 'min' ? f32x4.pmin : f32x4.pmax)(this.value(x), this.value(limit))
  }

  #choice(condition: Node, then: Node, otherwise: Node): V128 | null {
    if (condition.kind === 'call' && condition.op === 'lt') {
      const [low, high] = condition.args
      if (then === low && otherwise === high) return f32x4.pmin(this.value(high!), this.value(low!))
      if (then === high && otherwise === low) return f32x4.pmax(this.value(low!), this.value(high!))
    }
    if (isZero(otherwise)) return v128.and(this.value(then), this.value(condition))
    return isZero(then) ? v128.andnot(this.value(otherwise), this.value(condition)) : null
  }
}

/** 0, whose bits are all clear. */
const isZero = (node: Node): boolean => node.kind === 'number' && Object.is(node.value, 0)

type Emit = (f: Func, ...args: V128[]) => V128

const plain =
  (emit: (a: V128, b: V128, c: V128) => V128): Emit =>
  (_, a, b, c) =>
    emit(a!, b!, c!)

const EMIT: Readonly<Record<Op, Emit>> = {
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
  pow: (f, a, b) => pow(f, a!, b!),
  sin: (f, a) => lanewise(f, 'sin', a!),
  cos: (f, a) => lanewise(f, 'cos', a!),
  atan: (f, a) => lanewise(f, 'atan', a!),
}
