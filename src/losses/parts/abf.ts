import { assign } from '../../graph/assign.ts'
import { kaimingUniform } from '../../nn/init.ts'
import { BatchNorm2d } from '../../nn/layers/batch-norm2d.ts'
import { Conv2d } from '../../nn/layers/conv2d.ts'
import { Module } from '../../nn/module.ts'
import { cat } from '../../ops/indexing.ts'
import { interpolate } from '../../ops/upsample.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'

/** Channels of the student's map, inside, and of the teacher's map. */
export interface AbfChannels {
  readonly from: number
  readonly mid: number
  readonly to: number
}

/**
 * Attention-based fusion, ReviewKD's module for one level: the student's map and what comes from the next deeper level,
 * weighted position by position, at the size and with the channels of the teacher's map.
 *
 *     x = bn1(conv1(map)),   y = what comes from below, nearest to the size of x
 *     a, b = sigmoid(att([x, y])),   residual = a x + b y, nearest to the new size,   out = bn2(conv2(residual))
 *
 * Without `fuse`, as on the deepest level, there is no y, and residual is x.
 */
export class Abf extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly att: Conv2d | undefined

  constructor({ from, mid, to }: AbfChannels, { random, fuse }: { random: Random; fuse: boolean }) {
    super()
    const conv = (name: string, inside: number, outside: number, kernel: 1 | 3) => {
      const own = random.fork(name)
      const options = { random: own, bias: false, padding: (kernel - 1) / 2 }
      const layer = this.child(name, new Conv2d(inside, outside, kernel, options))
      assign(layer.weight, kaimingUniform(own.fork('weight'), layer.weight.shape, 1))
      return layer
    }
    this.conv1 = conv('conv1', from, mid, 1)
    this.bn1 = this.child('bn1', new BatchNorm2d(mid))
    this.conv2 = conv('conv2', mid, to, 3)
    this.bn2 = this.child('bn2', new BatchNorm2d(to))
    if (fuse) this.att = this.child('att', new Conv2d(2 * mid, 2, 1, { random: random.fork('att') }))
  }

  /** A map [N, from, H, W] and `below` [N, mid, h, w] to `out` [N, to, *size] and `residual` [N, mid, *size]. */
  forward(
    map: Tensor,
    below: Tensor | undefined,
    size: readonly [number, number],
  ): { out: Tensor; residual: Tensor } {
    const x = this.bn1.forward(this.conv1.forward(map))
    const residual = interpolate(this.att && below ? fused(this.att, x, below) : x, { size })
    return { out: this.bn2.forward(this.conv2.forward(residual)), residual }
  }
}

function fused(att: Conv2d, x: Tensor, below: Tensor): Tensor {
  const y = interpolate(below, { size: sizeOf(x) })
  const [a, b] = att
    .forward(cat([x, y], 1))
    .sigmoid()
    .chunk(2, 1)
  return x.mul(a!).add(y.mul(b!))
}

/** Height and width of a map [N, C, H, W]. */
const sizeOf = ({ shape }: Tensor): readonly [number, number] => [shape[2]!, shape[3]!]

/** The student's maps, shallow to deep, through their modules from the deepest up: each of the size of its target. */
export function reviewed(
  modules: readonly Abf[],
  maps: readonly Tensor[],
  targets: readonly Tensor[],
): Tensor[] {
  const out: Tensor[] = []
  let below: Tensor | undefined
  for (let i = modules.length - 1; i >= 0; i--) {
    const level = modules[i]!.forward(maps[i]!, below, sizeOf(targets[i]!))
    below = level.residual
    out.unshift(level.out)
  }
  return out
}
