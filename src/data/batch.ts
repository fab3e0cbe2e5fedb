import { type Tensor, tensor } from '../tensor.ts'
import { type Dataset, subset } from './dataset.ts'

/** The images at `indices` as a tensor [N, C, H, W]. */
export function imagesOf(dataset: Dataset, indices: ArrayLike<number>): Tensor {
  return tensor(subset(dataset, indices).images, [indices.length, ...dataset.shape])
}

/** The labels at `indices` as a tensor [N]. */
export function labelsOf(dataset: Dataset, indices: ArrayLike<number>): Tensor<'int'> {
  return tensor(
    Int32Array.from({ length: indices.length }, (_, i) => dataset.labels[indices[i]!]!),
    [indices.length],
  )
}
