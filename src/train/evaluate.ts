import { imagesOf } from '../data/batch.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Model } from '../nn/models/model.ts'

/** Images per forward pass where no gradient is needed. */
const CHUNK = 500

/** The network's logits for every image in evaluation mode, [size * classes] row by row. */
export async function logitsOf(network: Model, dataset: Dataset): Promise<Float32Array> {
  const all = new Float32Array(dataset.size * dataset.classes)
  network.eval()
  for (let start = 0; start < dataset.size; start += CHUNK) {
    const indices = Array.from({ length: Math.min(CHUNK, dataset.size - start) }, (_, i) => start + i)
    all.set(await network.forward(imagesOf(dataset, indices)).logits.data(), start * dataset.classes)
  }
  return all
}

/** Share of images whose largest logit is the label's, 0 to 1. */
export async function accuracyOf(network: Model, dataset: Dataset): Promise<number> {
  const logits = await logitsOf(network, dataset)
  let right = 0
  for (let i = 0; i < dataset.size; i++) {
    const row = logits.subarray(i * dataset.classes, (i + 1) * dataset.classes)
    if (row.indexOf(row.reduce((a, b) => Math.max(a, b))) === dataset.labels[i]) right++
  }
  return right / dataset.size
}
