import { DeviceError } from '../errors.ts'
import { sizeOf } from '../shape.ts'
import type { View } from '../view.ts'
import type { FusedKernel, Kernel, MapKernel, ReduceKernel } from './kernel.ts'

/**
 * A map or reduction as a fused kernel of one value.
 *
 * @throws DeviceError for `argmax` and `argmin`, which give places.
 */
export function asFused(kernel: MapKernel | ReduceKernel): FusedKernel {
  const { inputs } = kernel
  if (kernel.kind === 'map') {
    const args = inputs.map((_, i) => i)
    return {
      kind: 'fused',
      out: kernel.out,
      inputs,
      dims: [],
      values: [{ kind: 'map', expr: kernel.expr, args }],
      stores: [{ value: inputs.length, level: 'element' }],
    }
  }
  const { op, dims } = kernel
  if (op === 'argmax' || op === 'argmin')
    throw new DeviceError(`fused: places are no values, got ${op}. Reduce with sum, max or min.`)
  return {
    kind: 'fused',
    out: inputs[0]!.shape,
    inputs,
    dims,
    values: [{ kind: 'reduce', op, arg: 0, from: 'element', to: 'row' }],
    stores: [{ value: 1, level: 'row' }],
  }
}

/** What a view shows as elements in order. */
export const copyKernel = (view: View): FusedKernel =>
  asFused({ kind: 'map', expr: 'a', out: view.shape, inputs: [view] })

/** The loops that a kernel is, where elementwise maths may be part of it; null for other structures. */
export function loopsOf(kernel: Kernel): FusedKernel | null {
  if (kernel.kind === 'fused') return kernel
  return kernel.kind === 'map' && sizeOf(kernel.out) > 0 ? asFused(kernel) : null
}
