import { DeviceError } from '../errors.ts'
import { coordinatesIn } from './coordinates.ts'
import type { Device } from './device.ts'
import type { Kernel } from './kernel.ts'

/** Up to here float32 holds every whole number. */
const EXACT = 2 ** 24

/**
 * Throws where a kernel makes numbers of places that the device would round: a maximum at 2^24 + 1 would be said to be at
 * 2^24.
 */
export function checkPlaces(kernel: Kernel, { name, precision }: Device): void {
  if (precision !== 'float32') return
  const longest = Math.max(0, ...counted(kernel))
  if (longest > EXACT)
    throw new DeviceError(
      `${name}: places along a dim are not exact above 2^24 in float32, got a dim of ${longest} elements. Split the tensor, or use the device 'reference'.`,
    )
}

/** The sizes of the dims of whose places a kernel makes numbers. */
function counted(kernel: Kernel): number[] {
  switch (kernel.kind) {
    case 'reduce':
      return kernel.op === 'argmax' || kernel.op === 'argmin'
        ? kernel.dims.map((d) => kernel.inputs[0]!.shape[d]!)
        : []
    case 'argsort':
      return [kernel.inputs[0]!.shape[kernel.dim]!]
    case 'map':
      return coordinatesIn(kernel.expr).map((d) => kernel.out[d]!)
    case 'fused':
      return kernel.values.flatMap((value) =>
        value.kind === 'map' ? coordinatesIn(value.expr).map((d) => kernel.out[d]!) : [],
      )
    case 'chain':
      return counted(kernel.after)
    default:
      return []
  }
}
