import { ValueError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Shape, sizeOf } from '../shape.ts'
import { type Tensor, tensor } from '../tensor.ts'

// Values are rounded to float32 here, so that a network starts from the same numbers on every device.

/** Uniform in [-bound, bound). Takes one number of `random` per element. */
export const uniform = (random: Random, shape: Shape, bound: number): Tensor =>
  tensor(Float32Array.from(random.uniforms(sizeOf(shape), -bound, bound)), shape)

export const constant = (shape: Shape, value: number): Tensor =>
  tensor(new Float32Array(sizeOf(shape)).fill(value), shape)

/** How many inputs feed one output of a weight [out, in] or [out, in / groups, kH, kW]. */
export const fanIn = (weight: Shape): number => sizeOf(weight.slice(1))

/**
 * Uniform with bound sqrt(6 / ((1 + a^2) fanIn)), as `torch.nn.init.kaiming_uniform_`. With PyTorch's default for
 * linear and convolution layers, a = sqrt(5), the bound is 1 / sqrt(fanIn).
 * He et al., "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
 */
export const kaimingUniform = (random: Random, shape: Shape, a = Math.sqrt(5)): Tensor =>
  uniform(random, shape, Math.sqrt(6 / ((1 + a * a) * fanIn(shape))))

/** Throws unless a layer's sizes are positive whole numbers. */
export function checkCounts(layer: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts))
    if (!Number.isInteger(count) || count < 1)
      throw new ValueError(
        `${layer}: ${name} must be a positive whole number, got ${count}. Check the settings.`,
      )
}
