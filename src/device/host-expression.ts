import { expand } from './text/special.ts'

const formulas = new Map<string, (operands: readonly number[]) => number>()

/** A kernel's formula on the host, in float64: its operands `a`, `b`, `c`, ... in order. */
export function hostExpression(expr: string): (operands: readonly number[]) => number {
  const known = formulas.get(expr)
  if (known) return known
  const made = new Function('[a, b, c, d, e, f, g, h]', `return ${expand(expr)}`) as (
    operands: readonly number[],
  ) => number
  formulas.set(expr, made)
  return made
}
