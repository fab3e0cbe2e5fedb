import { defineOp, type Input } from '../graph/define.ts'
import { broadcastShapes } from '../shape.ts'
import { noParams, type Tensor } from '../tensor.ts'
import { together } from './elementwise.ts'

/** A tensor, or a number that kernels take as a scalar argument. */
export type Term = Tensor | number

/** Where the tests draw one term from. */
export type Range = Pick<Input, 'low' | 'high'>

/**
 * One kernel for a formula of up to seven terms `a`, `b`, `c`, ... that broadcast; a new number compiles nothing.
 * `vjp` gives one gradient per term, null for a formula that is never differentiated (an optimiser's update).
 * `domain` is where the tests draw all terms from; of a formula with kinks, ranges of all terms in which it has none,
 * one such piece at a time.
 */
export function fused<const N extends readonly string[]>(
  name: string,
  terms: N,
  expr: string,
  vjp: ((g: Tensor, ...terms: { [K in keyof N]: Tensor }) => { [K in keyof N]: Tensor }) | null,
  domain: Range | readonly { readonly [K in keyof N]: Range }[] = {},
): (...terms: { [K in keyof N]: Term }) => Tensor {
  type Inputs = { [K in keyof N]: Tensor }
  const op = defineOp<readonly Tensor[]>(name, {
    shape: (shapes) => broadcastShapes(name, shapes),
    forward: { expr },
    vjp: vjp && ((g, inputs) => vjp(g, ...(inputs as unknown as Inputs)) as readonly Tensor[]),
    samples: (draw) => {
      const shape = draw.shape(0, 4)
      const ranges: readonly Range[] = Array.isArray(domain) ? draw.pick(domain) : terms.map(() => domain)
      return { inputs: ranges.map((range) => ({ shape, ...range })) }
    },
  })
  return (...given) => op(together(name, given as readonly Term[]) as Tensor[], noParams)
}
