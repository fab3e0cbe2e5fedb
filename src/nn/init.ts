import { ValueError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Shape, sizeOf } from '../shape.ts'
import { Tensor, tensor } from '../tensor.ts'

/** How first values of a shape are drawn. */
export type Init = (random: Random, shape: Shape) => Tensor

let valueless = false

/**
 * Runs `make` while parameters get shapes and no values, as on PyTorch's meta device: what a large network is can be seen
 * at once, but nothing of it can be computed.
 */
export function shapesOnly<T>(make: () => T): T {
  const before = valueless
  valueless = true
  try {
    return make()
  } finally {
    valueless = before
  }
}

// Values are rounded to float32 here, so that a network starts from the same numbers on every device.
const leaf = (shape: Shape, values: () => ArrayLike<number>): Tensor =>
  valueless ? new Tensor([...shape], 'float', { host: null }) : tensor(new Float32Array(values()), shape)

/** Uniform in [-bound, bound). Takes one number of `random` per element. */
export const uniform = (random: Random, shape: Shape, bound: number): Tensor =>
  leaf(shape, () => random.uniforms(sizeOf(shape), -bound, bound))

/** Normal with mean 0. Takes one number of `random` per element. */
export const normal = (random: Random, shape: Shape, std: number): Tensor =>
  leaf(shape, () => random.normals(sizeOf(shape), 0, std))

export const constant = (shape: Shape, value: number): Tensor =>
  leaf(shape, () => new Float32Array(sizeOf(shape)).fill(value))

export const zero: Init = (_, shape) => constant(shape, 0)

/** How many inputs feed one output of a weight [out, in] or [out, in / groups, kH, kW]. */
export const fanIn = (weight: Shape): number => sizeOf(weight.slice(1))

/** How many outputs one input feeds, as PyTorch counts them: groups do not lessen it. */
const fanOut = (weight: Shape): number => sizeOf(weight) / weight[1]!

/**
 * Uniform with bound sqrt(6 / ((1 + a^2) fanIn)), as `torch.nn.init.kaiming_uniform_`. With PyTorch's default for
 * linear and convolution layers, a = sqrt(5), the bound is 1 / sqrt(fanIn).
 * He et al., "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
 */
export const kaimingUniform = (random: Random, shape: Shape, a = Math.sqrt(5)): Tensor =>
  uniform(random, shape, Math.sqrt(6 / ((1 + a * a) * fanIn(shape))))

/**
 * Normal with deviation sqrt(2 / fanOut), as `torch.nn.init.kaiming_normal_` with mode 'fan_out' before a relu.
 * He et al., "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
 */
export const kaimingNormal: Init = (random, shape) => normal(random, shape, Math.sqrt(2 / fanOut(shape)))

/** Throws unless a layer's sizes are positive whole numbers. */
export function checkCounts(layer: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts))
    if (!Number.isInteger(count) || count < 1)
      throw new ValueError(
        `${layer}: ${name} must be a positive whole number, got ${count}. Check the settings.`,
      )
}
