import { simpler } from './expression-rules.ts'

/** A part of a formula. Calls are pure, so equal ones are one object. */
export type Node = NumberNode | NameNode | CallNode

interface NumberNode {
  readonly kind: 'number'
  readonly id: number
  readonly value: number
}

interface NameNode {
  readonly kind: 'name'
  readonly id: number
  readonly name: string
}

export interface CallNode {
  readonly kind: 'call'
  readonly id: number
  readonly op: Op
  readonly args: readonly Node[]
}

/** How many numbers each function takes. */
export const FUNCTIONS = {
  abs: 1,
  ceil: 1,
  floor: 1,
  trunc: 1,
  sqrt: 1,
  exp: 1,
  expm1: 1,
  log: 1,
  log1p: 1,
  tanh: 1,
  sigmoid: 1,
  erf: 1,
  sin: 1,
  cos: 1,
  atan: 1,
  pow: 2,
  min: 2,
  max: 2,
} as const

const ARITHMETIC = { add: 2, sub: 2, mul: 2, div: 2, neg: 1 } as const

/** Truth values. `and`, `or` and `not` take such. */
const TRUTHS = { lt: 2, le: 2, eq: 2, ne: 2, and: 2, or: 2, not: 1 } as const

export type Op = keyof typeof FUNCTIONS | keyof typeof ARITHMETIC | keyof typeof TRUTHS | 'select'

/** Whether the node is a truth value rather than a number. */
export const isTruth = (node: Node): boolean =>
  node.kind === 'call' && (node.op in TRUTHS || (node.op === 'select' && node.args.slice(1).every(isTruth)))

/** Makes the nodes of one formula, simplified as far as no result changes. */
export class Nodes {
  readonly #known = new Map<string, Node>()

  constant(value: number): Node {
    return this.#intern(`=${Object.is(value, -0) ? '-0' : value}`, (id) => ({ kind: 'number', id, value }))
  }

  name(name: string): Node {
    return this.#intern(name, (id) => ({ kind: 'name', id, name }))
  }

  function(name: string, args: readonly Node[]): Node | null {
    if (!(name in FUNCTIONS) || FUNCTIONS[name as keyof typeof FUNCTIONS] !== args.length) return null
    return this.call(
      name as Op,
      args.map((arg) => this.number(arg)),
    )
  }

  /** A truth value as 1 or 0. */
  number(node: Node): Node {
    return isTruth(node) ? this.call('select', [node, this.constant(1), this.constant(0)]) : node
  }

  /** A number as a condition: neither 0 nor NaN. */
  truth(node: Node): Node {
    if (isTruth(node)) return node
    return this.call('and', [this.call('ne', [node, this.constant(0)]), this.call('eq', [node, node])])
  }

  not(node: Node): Node {
    return this.call('not', [this.truth(node)])
  }

  select(condition: Node, then: Node, otherwise: Node): Node {
    const truths = isTruth(then) && isTruth(otherwise)
    const [a, b] = truths ? [then, otherwise] : [this.number(then), this.number(otherwise)]
    return this.call('select', [this.truth(condition), a, b])
  }

  infix(operator: string, left: Node, right: Node): Node {
    if (operator === '&&' || operator === '||') {
      if (isTruth(left) && isTruth(right)) return this.call(operator === '&&' ? 'and' : 'or', [left, right])
      // As in JavaScript, the value is that of the operand which decides.
      return operator === '&&' ? this.select(left, right, left) : this.select(left, left, right)
    }
    const [a, b] = [this.number(left), this.number(right)]
    if (operator === '>') return this.call('lt', [b, a])
    if (operator === '>=') return this.call('le', [b, a])
    return this.call(INFIX[operator]!, [a, b])
  }

  call(op: Op, args: readonly Node[]): Node {
    const known = simpler(this, op, args)
    if (known) return known
    return this.#intern(`${op} ${args.map(({ id }) => id).join()}`, (id) => ({ kind: 'call', id, op, args }))
  }

  #intern(key: string, make: (id: number) => Node): Node {
    let node = this.#known.get(key)
    if (!node) {
      node = make(this.#known.size)
      this.#known.set(key, node)
    }
    return node
  }
}

const INFIX: Readonly<Record<string, Op>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '<': 'lt',
  '<=': 'le',
  '==': 'eq',
  '!=': 'ne',
}
