import { show } from '../errors.ts'
import type { Kernel } from './kernel.ts'
import { outputsOf } from './outputs.ts'

/** What a kernel does, in a line: `conv2d forward`, `map a + b`, `fused 12 maps, 3 reductions`. */
export function describeKernel(kernel: Kernel): string {
  switch (kernel.kind) {
    case 'map':
      return `map ${shortened(kernel.expr)}`
    case 'conv2d':
    case 'pool':
      return `${kernel.kind} ${kernel.pass}`
    case 'reduce':
      return `reduce ${kernel.op}`
    case 'fused': {
      const maps = kernel.values.filter(({ kind }) => kind === 'map').length
      const reductions = kernel.values.length - maps
      return `fused ${counted(maps, 'map')}${reductions > 0 ? `, ${counted(reductions, 'reduction')}` : ''}`
    }
    case 'chain':
      return `${describeKernel(kernel.first)}, ${describeKernel(kernel.after)}`
    case 'batch':
      return `${counted(kernel.sizes.length, 'time')} ${describeKernel(kernel.each)}`
    default:
      return kernel.kind
  }
}

/** The shapes that a kernel makes: `[64, 10]`, `[64, 10] + [64, 1]`. */
export function describeOutputs(kernel: Kernel): string {
  const shapes = outputsOf(kernel).map(show)
  const more = shapes.length - MOST_SHAPES
  return [...shapes.slice(0, MOST_SHAPES), ...(more > 0 ? [`${more} more`] : [])].join(' + ')
}

const MOST_SHAPES = 8

const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 37)}...` : text)
const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
