import { DeviceError } from '../../errors.ts'
import type { Kernel } from '../kernel.ts'
import { writeConv2d } from './conv2d.ts'
import { writeDeviation } from './deviation.ts'
import { writeFused } from './fused.ts'
import type { Limits } from './grid.ts'
import { writeGather, writeScatter } from './indexing.ts'
import { writeConcat, writeMap } from './map.ts'
import { writeMatmul } from './matmul.ts'
import { writePool } from './pool.ts'
import { writeReduce } from './reduce.ts'
import { writeArgsort } from './sort.ts'
import { type TextProgram, Writer } from './text.ts'

/**
 * A kernel as text in the subset of JavaScript that gpu.js accepts. Sizes are literals, index expressions stand inline
 * (a local variable would be float32 and lose whole numbers above 2^24), loops have literal bounds.
 */
export function print(kernel: Kernel, limits: Limits): TextProgram {
  const w = new Writer(kernel, limits)
  switch (kernel.kind) {
    case 'map':
      writeMap(w, kernel)
      break
    case 'concat':
      writeConcat(w, kernel)
      break
    case 'reduce':
      writeReduce(w, kernel)
      break
    case 'matmul':
      writeMatmul(w, kernel)
      break
    case 'conv2d':
      writeConv2d(w, kernel)
      break
    case 'pool':
      writePool(w, kernel)
      break
    case 'gather':
      writeGather(w, kernel)
      break
    case 'scatter':
      writeScatter(w, kernel)
      break
    case 'deviation':
      writeDeviation(w, kernel)
      break
    case 'argsort':
      writeArgsort(w, kernel)
      break
    case 'fused':
      writeFused(w, kernel)
      break
    case 'chain':
    case 'batch':
      throw new DeviceError(`${kernel.kind}: this device runs one kernel at a time. Plan without 'rich'.`)
    default:
      kernel satisfies never
  }
  return w.steps
}
