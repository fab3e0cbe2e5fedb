import { conv2d as convolve, type Tensor, vjp } from '../src/index.ts'
import { uniformInput } from './inputs.ts'
import { computing, type Suite, type Work } from './support.ts'

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
export const conv2d: Suite = { name: 'conv2d', works: sizes.flatMap(worksOf) }

function worksOf({ id, channels: [from, to], side }: Size): Work[] {
  const shapes = { x: [BATCH, from, side, side], w: [to, from, 3, 3], y: [BATCH, to, side, side] }
  const flops = 2 * 9 * from * to * BATCH * side * side
  const work = (name: string, times: number, results: (inputs: Inputs) => readonly Tensor[]): Work => ({
    name: `conv2d ${id} ${name}`,
    flops: flops * times,
    prepare: () => {
      const [x, w, dy] = [uniformInput(1, shapes.x), uniformInput(2, shapes.w), uniformInput(3, shapes.y)]
      return computing(() => results({ x, w, dy }))
    },
  })
  return [
    work('forward', 1, ({ x, w }) => [convolve(x, w, { padding: 1 })]),
    work('with gradients', 3, ({ x, w, dy }) => {
      const y = convolve(x, w, { padding: 1 })
      return [y, ...vjp([y], [x, w], [dy])]
    }),
  ]
}

interface Inputs {
  readonly x: Tensor
  readonly w: Tensor
  readonly dy: Tensor
}
