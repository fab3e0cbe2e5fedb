import { DeviceError } from '../errors.ts'
import type { AnyTensor } from '../tensor.ts'
import { topological } from './walk.ts'

/** Whether a lost device took a tensor's values with it. */
export const isLost = ({ storage }: AnyTensor): boolean => storage?.device.lost === true

/**
 * Lets go of values below `roots` that a lost device took with it, where they can be had again: uploaded, or computed from
 * leaves that have not been assigned other values since.
 *
 * @throws DeviceError where they cannot.
 */
export function forgetLost(roots: readonly AnyTensor[]): void {
  const order = topological(roots, (node) => node.op !== null && (node.storage === null || isLost(node)))
  // When what a node would be computed from was last given values.
  const changed = new Map<AnyTensor, number>()
  const regained = order.filter((node) => {
    const { op, inputs, storage } = node
    const since =
      op === null
        ? node.assigned
        : storage && !isLost(node)
          ? storage.at
          : Math.max(0, ...inputs.map((input) => changed.get(input)!))
    changed.set(node, since)
    if (!isLost(node)) return false
    if (op === null ? node.host === null : since > storage!.at)
      throw new DeviceError(
        `${storage!.device.name}: the device was lost, and with it the only values of a tensor, got ${node}. Give it values again, for example from a checkpoint, and build anew what was computed from it.`,
      )
    return true
  })
  for (const node of regained) {
    node.storage!.drop()
    node.storage = null
  }
}
