import { Random } from '../src/random.ts'
import { type Shape, sizeOf } from '../src/shape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'

// Rounded to float32 here, so that every device computes with the same numbers.

/** Uniform in [-1, 1), the same numbers for the same seed. */
export const uniformValues = (seed: number, shape: Shape): Float32Array =>
  Float32Array.from(new Random(seed).uniforms(sizeOf(shape), -1, 1))

export const uniformInput = (seed: number, shape: Shape): Tensor => tensor(uniformValues(seed, shape), shape)

/** Normal with a standard deviation of 2.3: as wide as the logits of a trained network. */
export const logitsInput = (seed: number, shape: Shape): Tensor =>
  tensor(Float32Array.from(new Random(seed).normals(sizeOf(shape), 0, 2.3)), shape)

export function labelsInput(seed: number, n: number, classes: number): Tensor<'int'> {
  const random = new Random(seed)
  return tensor(Int32Array.from({ length: n }, () => random.integer(classes)))
}
