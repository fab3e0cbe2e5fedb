import { ShapeError, show, ValueError } from '../errors.ts'
import { sameShape } from '../shape.ts'
import { type Tensor, tensor, zeros } from '../tensor.ts'
import type { Grads } from './define.ts'
import { grad, vjp } from './grad.ts'
import { withGradient } from './with-gradient.ts'

/**
 * The scalar `fn` of `inputs`, and its gradients with respect to each of them.
 *
 * @throws ShapeError where `fn` gives more than one number.
 */
export function valueAndGrad<const I extends readonly Tensor[]>(
  fn: (...inputs: I) => Tensor,
  inputs: I,
): { readonly value: Tensor; readonly grads: { readonly [K in keyof I]: Tensor } } {
  const value = fn(...inputs)
  return { value, grads: grad(value, inputs) as unknown as { readonly [K in keyof I]: Tensor } }
}

/**
 * Jacobian-vector product: how `outputs` move when `wrt` moves along `tangents`. Made of two reverse passes: the
 * gradients are linear in the cotangents, and the transpose of their transpose is what is asked for.
 *
 * @throws ShapeError where a tangent has another shape than its tensor.
 */
export function jvp(
  outputs: readonly Tensor[],
  wrt: readonly Tensor[],
  tangents: readonly Tensor[],
): Tensor[] {
  wrt.forEach((x, i) => {
    const tangent = tangents[i]
    if (!tangent || !sameShape(x.shape, tangent.shape))
      throw new ShapeError(
        `jvp: tangent ${i} does not fit its tensor, got ${tangent ? show(tangent.shape) : 'none'} for ${show(x.shape)}. Give one of equal shape per tensor.`,
      )
  })
  const cotangents = outputs.map((y) => zeros(y.shape))
  return vjp(vjp(outputs, wrt, cotangents), cotangents, tangents)
}

/** All derivatives of `y` [...A] in `x` [...B], as a tensor [...A, ...B]: one reverse pass per element of `y`. */
export function jacobian(y: Tensor, x: Tensor): Tensor {
  const n = y.size
  const rows = Array.from({ length: n }, (_, i) => {
    const one = new Float64Array(n)
    one[i] = 1
    return vjp([y], [x], [tensor(one, y.shape)])[0]!.reshape([1, x.size])
  })
  if (n === 0) return zeros([...y.shape, ...x.shape])
  return stacked(rows).reshape([...y.shape, ...x.shape])
}

/** Rows one below the other: a sum of padded rows needs no more than the tensor's own methods. */
function stacked(rows: readonly Tensor[]): Tensor {
  const placed = rows.map((row, i) => row.pad([0, 0, i, rows.length - 1 - i]))
  return placed.reduce((sum, row) => sum.add(row))
}

/**
 * The second derivatives of the scalar `loss` in `x` [...B], as a tensor [...B, ...B]. For large `x` use `hvp`.
 *
 * @throws ShapeError where `loss` has more than one element.
 */
export const hessian = (loss: Tensor, x: Tensor): Tensor => jacobian(grad(loss, [x])[0]!, x)

/**
 * The values of `y` with a gradient of your own in `inputs`: `gradient` gets what comes from upstream, of the shape of
 * `y`, and gives one tensor per input, or null for one that gets none. Being graph it is differentiated again as it
 * stands.
 *
 * @throws ValueError where it gives another number of gradients. @throws ShapeError where one does not fit its input.
 */
export function customGradient<const I extends readonly Tensor[]>(
  y: Tensor,
  inputs: I,
  gradient: (g: Tensor) => Grads<I>,
): Tensor {
  return withGradient('customGradient', y, inputs, (g) => {
    const given = gradient(g)
    if (given.length !== inputs.length)
      throw new ValueError(
        `customGradient: there must be one gradient per input, got ${given.length} for ${inputs.length}. Give null where there is none.`,
      )
    given.forEach((part, i) => {
      if (part && !sameShape(part.shape, inputs[i]!.shape))
        throw new ShapeError(
          `customGradient: gradient ${i} does not fit its input, got ${show(part.shape)} for ${show(inputs[i]!.shape)}. Give it the input's shape.`,
        )
    })
    return given
  })
}

/**
 * x itself, whose gradient is turned round and scaled: -scale * g. What trains a part of a network against the rest.
 * Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", ICML 2015, arXiv:1409.7495, eq. 16.
 */
export const gradientReversal = (x: Tensor, scale = 1): Tensor =>
  customGradient(x.detach(), [x], (g) => [g.mul(-scale)])
