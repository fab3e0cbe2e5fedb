import { parseExpression } from '../../expression.ts'
import type { Node, Op } from '../../expression-nodes.ts'
import type { FusedKernel, FusedValue } from '../../kernel.ts'
import { type Operand, operandsOf } from './levels.ts'
import { type Space, spaceOf } from './space.ts'

/** A simplified kernel over its joined space. Operands are numbered: the inputs first, then the values. */
export interface Program {
  readonly kernel: FusedKernel
  readonly space: Space
  readonly operands: readonly Operand[]
  /** Per operand the dims of the joined space along which it may differ. */
  readonly along: readonly ReadonlySet<number>[]
  /** Operands that a store needs. */
  readonly live: ReadonlySet<number>
  /** Values that are reductions over everything. */
  readonly totals: readonly number[]
  /** Where the workspace's pointer stands among the arguments; there is one where there are totals. */
  readonly workspace: number
  /** Per input that is a number where it stands among the arguments. */
  readonly numbers: readonly (number | null)[]
}

export function programOf(kernel: FusedKernel): Program {
  const operands = operandsOf(kernel)
  const live = reachable(
    kernel,
    kernel.stores.map(({ value }) => value),
    () => false,
  )
  const space = spaceOf(kernel, live)
  const totals = kernel.values.flatMap((value, v) => {
    const operand = kernel.inputs.length + v
    return value.kind === 'reduce' && value.to === 'all' && live.has(operand) ? [operand] : []
  })
  const workspace = kernel.inputs.filter((view) => view !== null).length + kernel.stores.length
  let number = workspace + (totals.length > 0 ? 1 : 0)
  return {
    kernel,
    space,
    operands,
    live,
    along: operands.map(({ along }) => new Set([...along].map((d) => space.from[d]!))),
    totals,
    workspace,
    numbers: kernel.inputs.map((view) => (view === null ? number++ : null)),
  }
}

/** The value behind an operand; null for an input. */
export const valueAt = ({ inputs, values }: FusedKernel, operand: number): FusedValue | null =>
  operand < inputs.length ? null : values[operand - inputs.length]!

export const argsOf = (kernel: FusedKernel, operand: number): readonly number[] => {
  const value = valueAt(kernel, operand)
  if (value === null) return []
  return value.kind === 'map' ? value.args : [value.arg]
}

/** The operands that `roots` need, themselves included; what `stops` says needs nothing more. */
export function reachable(
  kernel: FusedKernel,
  roots: readonly number[],
  stops: (operand: number) => boolean,
): Set<number> {
  const found = new Set<number>()
  const visit = (operand: number) => {
    if (found.has(operand)) return
    found.add(operand)
    if (!stops(operand)) for (const arg of argsOf(kernel, operand)) visit(arg)
  }
  for (const root of roots) visit(root)
  return found
}

/** Instructions for a vector, roughly. */
const COSTS: Partial<Record<Op, number>> = {
  div: 5,
  sqrt: 5,
  min: 6,
  max: 6,
  log: 24,
  exp: 27,
  expm1: 28,
  sigmoid: 34,
  log1p: 34,
  tanh: 34,
  erf: 55,
  pow: 130,
  sin: 250,
  cos: 250,
  atan: 250,
}

/** Instructions that an operand takes for a vector where its arguments are there, roughly. */
export function costOf(kernel: FusedKernel, operand: number): number {
  const value = valueAt(kernel, operand)
  if (value === null) return 1
  return value.kind === 'map' ? costOfExpression(value.expr) : 3
}

function costOfExpression(expr: string): number {
  let cost = 0
  const seen = new Set<Node>()
  const visit = (node: Node) => {
    if (node.kind !== 'call' || seen.has(node)) return
    seen.add(node)
    cost += COSTS[node.op] ?? 1
    node.args.forEach(visit)
  }
  visit(parseExpression(expr).root)
  return cost
}
