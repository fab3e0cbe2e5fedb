import { type Shape, sizeOf } from '../shape.ts'
import type { Kernel } from './kernel.ts'

/** The shapes of what a kernel makes. */
export function outputsOf(kernel: Kernel): Shape[] {
  if (kernel.kind === 'pool' && kernel.pass === 'max') return [kernel.out, kernel.out]
  if (kernel.kind === 'chain')
    return [...(kernel.keeps ? [kernel.first.out] : []), ...outputsOf(kernel.after)]
  if (kernel.kind === 'batch') return kernel.sizes.flatMap((n) => kernel.each.stores.map(() => [n]))
  if (kernel.kind !== 'fused') return [kernel.out]
  const { out, dims, stores } = kernel
  return stores.map(({ level }) => {
    if (level === 'all') return []
    return level === 'element' ? out : out.map((n, d) => (dims.includes(d) ? 1 : n))
  })
}

export const outputSizes = (kernel: Kernel): number[] => outputsOf(kernel).map(sizeOf)
