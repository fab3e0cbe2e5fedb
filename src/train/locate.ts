import { forget } from '../graph/assign.ts'
import { read } from '../graph/values.ts'
import { topological } from '../graph/walk.ts'
import type { Shape } from '../shape.ts'
import type { AnyTensor, Tensor } from '../tensor.ts'

/** Where a number that is not finite comes from. */
export interface Culprit {
  /** The operation that made it of finite numbers; null for a tensor that holds it from the start. */
  readonly op: string | null
  readonly shape: Shape
  /** What it made: NaN, Infinity or -Infinity. */
  readonly value: number
  /** The row of the batch; null where its tensor has no row per sample. */
  readonly row: number | null
}

/** Found in a tensor: its first number that is not finite. */
interface Fault {
  readonly at: number
  readonly value: number
}

/**
 * Follows a loss that is NaN or infinite back to where that came from: at each operation to the first of its inputs
 * that is not finite either. Computes the graph once more, one operation after the other, and lets go of each result
 * when nothing reads it any more. Null where the loss is finite.
 *
 * @param rows samples of the batch
 */
export async function firstNonFinite(loss: Tensor, rows: number): Promise<Culprit | null> {
  const faults = await faultsIn(topological([loss]))
  if (!faults.has(loss)) return null
  let node: AnyTensor = loss
  for (;;) {
    const cause: AnyTensor | undefined = node.inputs.find((input) => faults.has(input))
    if (!cause) break
    node = cause
  }
  const { at, value } = faults.get(node)!
  const { shape, size } = node
  const perRow = shape[0] === rows && rows > 0
  return {
    op: node.op?.name ?? null,
    shape,
    value,
    row: perRow ? Math.floor((at * rows) / size) : null,
  }
}

async function faultsIn(order: readonly AnyTensor[]): Promise<Map<AnyTensor, Fault>> {
  const readers = new Map<AnyTensor, number>()
  for (const node of order) for (const input of node.inputs) readers.set(input, (readers.get(input) ?? 0) + 1)
  const had = new Set(order.filter(({ storage }) => storage !== null))
  const faults = new Map<AnyTensor, Fault>()
  for (const node of order) {
    const values = await read(node)
    const at = values.findIndex((value) => !Number.isFinite(value))
    if (at >= 0) faults.set(node, { at, value: values[at]! })
    for (const input of node.inputs) {
      const left = readers.get(input)! - 1
      readers.set(input, left)
      if (left === 0 && input.op && !had.has(input)) forget(input)
    }
  }
  return faults
}
