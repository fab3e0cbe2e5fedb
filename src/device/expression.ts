import { DeviceError } from '../errors.ts'
import { FUNCTIONS, type Node, Nodes } from './expression-nodes.ts'
import { expand, isExpanded } from './text/special.ts'

/** A formula as a graph: equal subexpressions are one node. */
export interface Expression {
  readonly root: Node
  /** How often each node stands in another one; the root counts as used once. */
  readonly uses: ReadonlyMap<Node, number>
  /** The operands and coordinates that count. */
  readonly names: readonly string[]
}

const parsed = new Map<string, Expression>()

/**
 * Reads a kernel's formula (see `MapKernel`), once per text.
 *
 * @throws DeviceError where it is outside the subset of JavaScript that kernels are written in.
 */
export function parseExpression(text: string): Expression {
  let expression = parsed.get(text)
  if (!expression) {
    const root = new Parser(text).whole()
    const uses = countUses(root)
    const names = Array.from(uses.keys(), (node) => (node.kind === 'name' ? node.name : '')).filter(Boolean)
    expression = { root, uses, names }
    parsed.set(text, expression)
  }
  return expression
}

function countUses(root: Node): Map<Node, number> {
  const uses = new Map([[root, 1]])
  const visit = (node: Node) => {
    if (node.kind !== 'call') return
    for (const arg of node.args) {
      const before = uses.get(arg) ?? 0
      uses.set(arg, before + 1)
      if (before === 0) visit(arg)
    }
  }
  visit(root)
  return uses
}

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_][\w.]*)|([<>=!]=|&&|\|\||\S))/g

/** From the loosest binding on; each level's operators from the left. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/'],
]

class Parser {
  readonly #text: string
  readonly #tokens: string[]
  readonly #nodes = new Nodes()
  #at = 0

  constructor(text: string) {
    this.#text = text
    const written = expand(text, (name) => name in FUNCTIONS)
    this.#tokens = Array.from(written.matchAll(TOKEN), ([token]) => token.trim())
  }

  whole(): Node {
    const root = this.#nodes.number(this.#ternary())
    if (this.#at < this.#tokens.length) this.#fail(`unexpected '${this.#tokens[this.#at]}'`)
    return root
  }

  #fail(what: string): never {
    throw new DeviceError(
      `expression: ${what}, got '${this.#text}'. Write it in the subset of JavaScript that kernels know.`,
    )
  }

  #take(...wanted: readonly string[]): string | null {
    const token = this.#tokens[this.#at]
    if (token === undefined || !wanted.includes(token)) return null
    this.#at++
    return token
  }

  #need(token: string): void {
    if (this.#take(token)) return
    const next = this.#tokens[this.#at]
    this.#fail(`expected '${token}' before ${next === undefined ? 'the end' : `'${next}'`}`)
  }

  #ternary(): Node {
    const condition = this.#level(0)
    if (!this.#take('?')) return condition
    const then = this.#ternary()
    this.#need(':')
    return this.#nodes.select(condition, then, this.#ternary())
  }

  #level(level: number): Node {
    const operators = LEVELS[level]
    if (!operators) return this.#unary()
    let left = this.#level(level + 1)
    for (;;) {
      const operator = this.#take(...operators)
      if (!operator) return left
      left = this.#nodes.infix(operator, left, this.#level(level + 1))
    }
  }

  #unary(): Node {
    if (this.#take('-')) return this.#nodes.call('neg', [this.#nodes.number(this.#unary())])
    if (this.#take('+')) return this.#nodes.number(this.#unary())
    if (this.#take('!')) return this.#nodes.not(this.#unary())
    return this.#primary()
  }

  #primary(): Node {
    if (this.#take('(')) {
      const inner = this.#ternary()
      this.#need(')')
      return inner
    }
    const token = this.#tokens[this.#at++] ?? this.#fail('it ends too early')
    if (/^[\d.]/.test(token)) return this.#nodes.constant(Number(token))
    if (!/^[A-Za-z_]/.test(token)) this.#fail(`unexpected '${token}'`)
    if (!this.#take('(')) return this.#nodes.name(token)
    const args = [this.#ternary()]
    while (this.#take(',')) args.push(this.#ternary())
    this.#need(')')
    const name = token.replace(/^Math\./, '')
    const known = token === name ? isExpanded(name) : name in Math
    const node = known ? this.#nodes.function(name, args) : null
    return (
      node ??
      this.#fail(`there is no function ${token} of ${args.length} number${args.length === 1 ? '' : 's'}`)
    )
  }
}
