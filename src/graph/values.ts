import { currentDevice } from '../device/current.ts'
import type { Device, FloatArray } from '../device/device.ts'
import { ShapeError, show } from '../errors.ts'
import type { AnyTensor, DType, Nested } from '../tensor.ts'
import { realizeOn } from './realize.ts'

/**
 * Gives all tensors their values in one pass over the device. Reading a value (`item`, `data`, `toArray`) does it too;
 * name all you need in one call to share the work.
 */
export async function realize(...tensors: readonly AnyTensor[]): Promise<void> {
  await realizeOn(await currentDevice(), tensors)
}

export const read = (tensor: AnyTensor): Promise<FloatArray | Int32Array | Uint8Array> =>
  readOn(undefined, tensor)

/** The values as `device` has them; the chosen device where it is left out. */
export async function readOn(
  device: Device | undefined,
  tensor: AnyTensor,
): Promise<FloatArray | Int32Array | Uint8Array> {
  const on = device ?? (await currentDevice())
  await realizeOn(on, [tensor])
  const values = await on.read(tensor.storage!.buffer)
  // Devices without empty arrays keep one element in their place.
  return typed(tensor.size === 0 ? values.subarray(0, 0) : values, tensor.dtype)
}

function typed(values: FloatArray, dtype: DType): FloatArray | Int32Array | Uint8Array {
  if (dtype === 'float') return values
  return dtype === 'int' ? Int32Array.from(values) : Uint8Array.from(values)
}

export async function readItem(tensor: AnyTensor): Promise<number> {
  if (tensor.size !== 1)
    throw new ShapeError(
      `item: expected a tensor of one element, got ${show(tensor.shape)}. Reduce it first, or use data().`,
    )
  return (await read(tensor))[0]!
}

export async function readNested(tensor: AnyTensor): Promise<Nested> {
  const values = await read(tensor)
  let at = 0
  const build = (d: number): Nested =>
    d === tensor.rank ? values[at++]! : Array.from({ length: tensor.shape[d]! }, () => build(d + 1))
  return build(0)
}
