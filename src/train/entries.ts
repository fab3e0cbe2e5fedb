import type { SafetensorsEntry } from '../data/safetensors.ts'
import { type Tensor, tensor } from '../tensor.ts'

/** A tensor's values as a file keeps them. */
export const entryOf = async (values: Tensor): Promise<SafetensorsEntry> => ({
  shape: values.shape,
  data: await values.data(),
})

/** The float tensor that a file's entry holds. */
export const tensorOf = ({ shape, data }: SafetensorsEntry): Tensor =>
  tensor(data instanceof Int32Array ? Float64Array.from(data) : data, shape)
