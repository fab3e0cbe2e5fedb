import type { Node, Nodes, Op } from './expression-nodes.ts'

/** A simpler node with the very same result, signs of zeros and NaN included; null where none is known. */
export function simpler(nodes: Nodes, op: Op, args: readonly Node[]): Node | null {
  return folded(nodes, op, args) ?? RULES[op]?.(nodes, ...(args as [Node, Node, Node])) ?? null
}

const ARITHMETIC: Partial<Record<Op, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  neg: (a) => -a,
}

/** What is made of numbers alone, in float64. */
function folded(nodes: Nodes, op: Op, args: readonly Node[]): Node | null {
  const numbers = args.map((arg) => (arg.kind === 'number' ? arg.value : null))
  if (numbers.includes(null)) return null
  const run =
    ARITHMETIC[op] ?? (op in Math ? (Math[op as keyof Math] as (...args: number[]) => number) : null)
  return run && nodes.constant(run(...(numbers as [number, number])))
}

/** The operands of such a node; null for any other. */
const argsOf = (node: Node, op: Op): readonly Node[] | null =>
  node.kind === 'call' && node.op === op ? node.args : null

const isNumber = (node: Node, value: number): boolean =>
  node.kind === 'number' && Object.is(node.value, value)

type Rule = (nodes: Nodes, a: Node, b: Node, c: Node) => Node | null

// Signs move outwards, where sums swallow them.
const RULES: Partial<Record<Op, Rule>> = {
  neg: (nodes, a) => {
    const [factor, number] = argsOf(a, 'mul') ?? []
    if (number?.kind === 'number') return nodes.call('mul', [factor!, nodes.constant(-number.value)])
    return negated(a)
  },
  add: (nodes, a, b) => {
    const [x, y] = [negated(a), negated(b)]
    if (y) return nodes.call('sub', [a, y])
    return x ? nodes.call('sub', [b, x]) : inOrder(nodes, 'add', a, b)
  },
  sub: (nodes, a, b) => {
    if (isNumber(b, 0)) return a
    const y = negated(b)
    return y && nodes.call('add', [a, y])
  },
  mul: (nodes, a, b) => {
    // Numbers stand on the right.
    if (a.kind === 'number') return nodes.call('mul', [b, a])
    if (isNumber(b, 1)) return a
    if (isNumber(b, -1)) return nodes.call('neg', [a])
    return signOutside(nodes, 'mul', a, b) ?? (b.kind === 'number' ? null : inOrder(nodes, 'mul', a, b))
  },
  div: (nodes, a, b) => {
    const inverse = b.kind === 'number' ? 1 / b.value : 0
    if (isPowerOfTwo(inverse)) return nodes.call('mul', [a, nodes.constant(inverse)])
    return signOutside(nodes, 'div', a, b)
  },
  pow: (nodes, a, b) => {
    if (isNumber(b, 0) || isNumber(b, -0)) return nodes.constant(1)
    if (isNumber(b, 1)) return a
    if (isNumber(b, 2)) return nodes.call('mul', [a, a])
    return isNumber(b, -1) ? nodes.call('div', [nodes.constant(1), a]) : null
  },
  eq: (nodes, a, b) => inOrder(nodes, 'eq', a, b),
  ne: (nodes, a, b) => inOrder(nodes, 'ne', a, b),
  or: (nodes, a, b) => isEitherSide(nodes, a, b) ?? isEitherSide(nodes, b, a),
  not: (nodes, a) => {
    const [equal, unequal] = [argsOf(a, 'eq'), argsOf(a, 'ne')]
    if (equal) return nodes.call('ne', equal)
    return unequal ? nodes.call('eq', unequal) : (argsOf(a, 'not')?.[0] ?? null)
  },
  select: (nodes, condition, a, b) => {
    if (a === b) return a
    const opposite = argsOf(condition, 'not')
    return opposite && nodes.call('select', [opposite[0]!, b, a])
  },
}

const negated = (node: Node): Node | null => argsOf(node, 'neg')?.[0] ?? null

function signOutside(nodes: Nodes, op: 'mul' | 'div', a: Node, b: Node): Node | null {
  const [x, y] = [negated(a), negated(b)]
  if (!x && !y) return null
  const bare = nodes.call(op, [x ?? a, y ?? b])
  return x && y ? bare : nodes.call('neg', [bare])
}

/** Operands in one order where it does not matter, so that equal expressions are found. */
const inOrder = (nodes: Nodes, op: Op, a: Node, b: Node): Node | null =>
  a.id > b.id ? nodes.call(op, [b, a]) : null

/** x < c || x >= c with a number c: whether x is no NaN. */
function isEitherSide(nodes: Nodes, a: Node, b: Node): Node | null {
  const [less, notLess] = [argsOf(a, 'lt'), argsOf(b, 'le')]
  if (!less || !notLess || less[0] !== notLess[1] || less[1] !== notLess[0]) return null
  const x = less.find(({ kind }) => kind !== 'number')
  const isPlain = less.some((node) => node.kind === 'number' && !Number.isNaN(node.value))
  return x && isPlain ? nodes.call('eq', [x, x]) : null
}

/** Whether dividing by the inverse gives the same as multiplying, in float32 too. */
function isPowerOfTwo(x: number): boolean {
  const exponent = Math.log2(Math.abs(x))
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126
}
