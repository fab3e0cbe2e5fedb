import { type AnyTensor, noParams, Tensor } from '../tensor.ts'
import type { Grads, Op } from './define.ts'

/**
 * The values of `y`, with a gradient in `inputs` that is shorter than that of the operations which make up `y`.
 * `vjp` builds it from the upstream gradient; being graph, it is differentiated again as it stands. Declare the
 * operation with `declareComposed`, so that the gradient check proves the formula. Runs no kernel of its own.
 */
export function withGradient<const I extends readonly AnyTensor[]>(
  name: string,
  y: Tensor,
  inputs: I,
  vjp: (g: Tensor) => Grads<I>,
): Tensor {
  const op: Op = { name, forward: { view: (view) => view }, vjp: (g) => [null, ...vjp(g)] }
  return new Tensor(y.shape, 'float', { op, inputs: [y, ...inputs], params: noParams })
}
