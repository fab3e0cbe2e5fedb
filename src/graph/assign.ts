import { ShapeError, showAll, ValueError } from '../errors.ts'
import { sameShape } from '../shape.ts'
import { type AnyTensor, type DType, Tensor } from '../tensor.ts'
import { nextAssignment, type Storage } from './storage.ts'

/**
 * Gives the leaf `target` the values that `value` has now. Both show the same memory; nothing is copied, and `target`
 * stays a leaf, so that no graph hangs on to it.
 *
 * @throws ShapeError where the shapes differ. @throws ValueError where `target` is computed, or `value` not yet.
 */
export function assign<D extends DType>(target: Tensor<D>, value: Tensor<D>): void {
  if (target === (value as AnyTensor)) return
  check(target, value)
  show(target, value.storage?.share() ?? null, value)
}

/**
 * As `assign`, for a computed `value` that nobody wants for itself: it lets go of its values, and reading it again
 * would compute them again.
 */
export function handOver<D extends DType>(target: Tensor<D>, value: Tensor<D>): void {
  check(target, value)
  const { storage } = value
  value.storage = null
  show(target, storage, value)
}

function check(target: AnyTensor, value: AnyTensor): void {
  if (!sameShape(target.shape, value.shape))
    throw new ShapeError(
      `assign: the new values have another shape, got ${showAll([value.shape, target.shape])}. Give values of the same shape.`,
    )
  if (target.op)
    throw new ValueError(`assign: only a leaf can take new values, got ${target}. Make one with tensor(...).`)
  if (!value.host && !value.storage)
    throw new ValueError(
      `assign: the new values are not computed yet, got ${value}. Await realize(...) first.`,
    )
}

function show(target: AnyTensor, storage: Storage | null, { host }: AnyTensor): void {
  const before = target.storage
  target.storage = storage
  target.assigned = nextAssignment()
  target.host = host
  before?.drop()
}

/** A leaf with the values that `tensor` has now, whatever it is assigned later. Nothing is copied. */
export function snapshot<D extends DType>(tensor: Tensor<D>): Tensor<D> {
  const leaf = new Tensor(tensor.shape, tensor.dtype, { host: null })
  assign(leaf, tensor)
  return leaf
}

/** Lets go of a computed tensor's values ahead of its collection; reading it again would compute them again. */
export function forget(computed: AnyTensor): void {
  computed.storage?.drop()
  computed.storage = null
}
