import { ShapeError, show, ValueError } from '../errors.ts'
import { sameShape } from '../shape.ts'
import { type AnyTensor, scalar, type Tensor, zeros } from '../tensor.ts'
import { topological } from './walk.ts'

/**
 * Gradients of the scalar `loss` with respect to each tensor in `wrt`, as new graph: they can be differentiated again.
 * A tensor that `loss` does not depend on gets zeros.
 *
 * @throws ShapeError where `loss` has more than one element.
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1)
    throw new ShapeError(
      `grad: loss must be a scalar, got ${loss.op?.name ?? 'tensor'}[${loss.shape.join(', ')}]. Reduce it first, for example loss.mean().`,
    )
  return vjp([loss], wrt, [scalar(1).expand(loss.shape)])
}

/**
 * Gradients of the sum of `outputs[i] * cotangents[i]` with respect to each tensor in `wrt`, as new graph.
 *
 * @throws ShapeError where a cotangent has another shape than its output.
 */
export function vjp(
  outputs: readonly Tensor[],
  wrt: readonly Tensor[],
  cotangents: readonly Tensor[],
): Tensor[] {
  for (const x of wrt)
    if (x.dtype !== 'float')
      throw new ValueError(
        `grad: only float tensors have gradients, got ${x.dtype} ${x}. Leave it out of wrt.`,
      )
  const order = topological(outputs)
  const leads = leadingTo(new Set<AnyTensor>(wrt), order)
  const grads = new Map<AnyTensor, Tensor>()
  const accumulate = (node: AnyTensor, g: Tensor) => {
    if (!sameShape(node.shape, g.shape))
      throw new ShapeError(
        `grad: the gradient of ${node} has another shape than its tensor, got [${g.shape.join(', ')}]. Check the vjp of its user.`,
      )
    const sofar = grads.get(node)
    grads.set(node, sofar ? sofar.add(g) : g)
  }
  outputs.forEach((y, i) => {
    const cotangent = cotangents[i]
    if (!cotangent || !sameShape(y.shape, cotangent.shape))
      throw new ShapeError(
        `vjp: cotangent ${i} does not fit its output, got ${cotangent ? show(cotangent.shape) : 'none'} for ${show(y.shape)}. Give one of equal shape per output.`,
      )
    accumulate(y, cotangent)
  })
  for (const node of order.reverse()) {
    const g = grads.get(node)
    if (!g || !node.op?.vjp || !node.inputs.some((input) => leads.has(input))) continue
    const back = node.op.vjp(g, node.inputs, node as Tensor, node.params)
    node.inputs.forEach((input, i) => {
      const part = back[i]
      if (part && leads.has(input)) accumulate(input, part)
    })
  }
  return wrt.map((x) => grads.get(x) ?? zeros(x.shape))
}

/**
 * Hessian-vector product: the derivative of the gradient of `loss` with respect to `wrt` along `vectors`, one tensor
 * per tensor of `wrt`. The Hessian itself is never formed.
 *
 * @throws ShapeError where a vector has another shape than its tensor.
 */
export function hvp(loss: Tensor, wrt: readonly Tensor[], vectors: readonly Tensor[]): Tensor[] {
  return vjp(grad(loss, wrt), wrt, vectors)
}

/** The nodes through which `wrt` is reached: everything else needs no gradient. */
function leadingTo(wrt: ReadonlySet<AnyTensor>, order: readonly AnyTensor[]): Set<AnyTensor> {
  const leads = new Set<AnyTensor>(wrt)
  for (const node of order) if (node.op?.vjp && node.inputs.some((input) => leads.has(input))) leads.add(node)
  return leads
}
