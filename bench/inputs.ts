import { type Tensor, tensor } from 'kdgrad'
import { Random } from 'kdgrad/nn'

type InputType = 'float' | 'int'

/** Numbers that every participant gets alike: rounded to float32 or int32 here. */
export interface Input<D extends InputType = InputType> {
  readonly shape: readonly number[]
  readonly dtype: D
  /** The same numbers at every call. */
  readonly values: () => D extends 'float' ? Float32Array<ArrayBuffer> : Int32Array<ArrayBuffer>
}

const sizeOf = (shape: readonly number[]) => shape.reduce((size, n) => size * n, 1)

const floats = (shape: readonly number[], draw: (size: number) => Iterable<number>): Input<'float'> => ({
  shape,
  dtype: 'float',
  values: () => Float32Array.from(draw(sizeOf(shape))),
})

/** Uniform in [-bound, bound), the same numbers for the same seed. */
export const uniform = (seed: number, shape: readonly number[], bound = 1): Input<'float'> =>
  floats(shape, (size) => new Random(seed).uniforms(size, -bound, bound))

/** Normal with a standard deviation of 2.3: as wide as the logits of a trained network. */
export const logits = (seed: number, shape: readonly number[]): Input<'float'> =>
  floats(shape, (size) => new Random(seed).normals(size, 0, 2.3))

/** One number everywhere. */
export const filled = (shape: readonly number[], value: number): Input<'float'> =>
  floats(shape, (size) => new Float32Array(size).fill(value))

/** `n` of `classes` classes. */
export const labels = (seed: number, n: number, classes: number): Input<'int'> => ({
  shape: [n],
  dtype: 'int',
  values: () => {
    const random = new Random(seed)
    return Int32Array.from({ length: n }, () => random.integer(classes))
  },
})

export const tensorOf = <D extends InputType>({ values, shape, dtype }: Input<D>): Tensor<D> =>
  tensor(values(), shape, dtype)
