import { defineOp, type Input } from '../graph/define.ts'
import { broadcastShapes } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { together } from './elementwise.ts'

/** A tensor, or a number that kernels take as a scalar argument. */
export type Term = Tensor | number

/**
 * One kernel for a formula of up to seven terms `a`, `b`, `c`, ... that broadcast; a new number compiles nothing.
 * `vjp` gives one gradient per term, null for a formula that is never differentiated (an optimiser's update).
 * `domain` is where the tests draw all terms from.
 */
export function fused<const N extends readonly string[]>(
  name: string,
  terms: N,
  expr: string,
  vjp: ((g: Tensor, ...terms: { [K in keyof N]: Tensor }) => { [K in keyof N]: Tensor }) | null,
  domain: Pick<Input, 'low' | 'high'> = {},
): (...terms: { [K in keyof N]: Term }) => Tensor {
  type Inputs = { [K in keyof N]: Tensor }
  const op = defineOp<readonly Tensor[]>(name, {
    shape: (shapes) => broadcastShapes(name, shapes),
    forward: { expr },
    vjp: vjp && ((g, inputs) => vjp(g, ...(inputs as unknown as Inputs)) as readonly Tensor[]),
    samples: (draw) => {
      const shape = draw.shape(0, 4)
      return { inputs: terms.map(() => ({ shape, ...domain })) }
    },
  })
  return (...given) => op(together(name, given as readonly Term[]) as Tensor[], {})
}
