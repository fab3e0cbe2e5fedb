import { type Definition, workOf } from './definition.ts'
import { uniform } from './inputs.ts'
import type { Suite } from './support.ts'

interface Size {
  readonly id: string
  readonly channels: readonly [from: number, to: number]
  readonly side: number
}

const BATCH = 32
const sizes: readonly Size[] = [
  { id: 'A', channels: [16, 32], side: 32 },
  { id: 'B', channels: [64, 64], side: 16 },
]

/** 3x3, stride 1, padding 1, batch 32: forward, and with both gradients for a given upstream gradient. */
export const conv2d: Suite = { name: 'conv2d', works: sizes.flatMap(definitionsOf).map(workOf) }

function definitionsOf({ id, channels: [from, to], side }: Size): Definition[] {
  const x = uniform(1, [BATCH, from, side, side])
  const w = uniform(2, [to, from, 3, 3])
  const dy = uniform(3, [BATCH, to, side, side])
  const flops = 2 * 9 * from * to * BATCH * side * side
  const params = { padding: 1 }
  return [
    { name: `conv2d ${id} forward`, task: 'conv', params, inputs: { x, w }, results: ['y'], flops },
    {
      name: `conv2d ${id} with gradients`,
      task: 'convGradients',
      params,
      inputs: { x, w, dy },
      results: ['y', 'gradient in x', 'gradient in w'],
      flops: 3 * flops,
    },
  ]
}
