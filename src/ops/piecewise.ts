import { defineOp, type Input } from '../graph/define.ts'
import { broadcastShapes } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { together } from './elementwise.ts'
import type { Term } from './fused.ts'

/** Where one term is drawn from. */
type Range = Pick<Input, 'low' | 'high'>

/**
 * One kernel for a formula with kinks, over terms `a`, `b`, `c`, ... that broadcast; a new number compiles nothing.
 * `pieces` are ranges of all terms in which it has none: the gradient check draws from one piece at a time.
 */
export function piecewise<const N extends readonly string[]>(
  name: string,
  terms: N,
  expr: string,
  vjp: (g: Tensor, ...terms: { [K in keyof N]: Tensor }) => { [K in keyof N]: Tensor },
  pieces: readonly { readonly [K in keyof N]: Range }[],
): (...terms: { [K in keyof N]: Term }) => Tensor {
  type Inputs = { [K in keyof N]: Tensor }
  const op = defineOp<readonly Tensor[]>(name, {
    shape: (shapes) => broadcastShapes(name, shapes),
    forward: { expr },
    vjp: (g, inputs) => vjp(g, ...(inputs as unknown as Inputs)) as readonly Tensor[],
    samples: (draw) => {
      const shape = draw.shape(0, 4)
      const piece = draw.pick(pieces) as readonly Range[]
      return { inputs: terms.map((_, k) => ({ shape, ...piece[k] })) }
    },
  })
  return (...given) => op(together(name, given as readonly Term[]) as Tensor[], {})
}
