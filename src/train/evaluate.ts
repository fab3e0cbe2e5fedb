import { imagesOf } from '../data/batch.ts'
import type { Dataset } from '../data/dataset.ts'
import { realize } from '../graph/values.ts'
import type { Model } from '../nn/models/model.ts'
import type { Tensor } from '../tensor.ts'

/** Images per forward pass where no gradient is needed. */
const CHUNK = 500

/** Logits by name that are made of images: a network's own, or of every exit that it has. The first entry decides. */
export type Predict = (images: Tensor) => Readonly<Record<string, Tensor>>

/** The network's logits for every image in evaluation mode, [size * classes] row by row. */
export async function logitsOf(network: Model, dataset: Dataset): Promise<Float32Array> {
  network.eval()
  const { logits } = await predictions((images) => ({ logits: network.forward(images).logits }), dataset)
  return logits!
}

/** For every name the share of images whose largest logit is the label's, 0 to 1. The networks stand in evaluation mode. */
export async function accuraciesOf(predict: Predict, dataset: Dataset): Promise<Record<string, number>> {
  const all = await predictions(predict, dataset)
  return Object.fromEntries(Object.entries(all).map(([name, logits]) => [name, accuracyOf(logits, dataset)]))
}

/** What a network says of every image, [size * classes] row by row, for every name that it answers under. */
export async function predictions(predict: Predict, dataset: Dataset): Promise<Record<string, Float32Array>> {
  const { size, classes } = dataset
  const all: Record<string, Float32Array> = {}
  for (let start = 0; start < size; start += CHUNK) {
    const indices = Array.from({ length: Math.min(CHUNK, size - start) }, (_, i) => start + i)
    const made = predict(imagesOf(dataset, indices))
    await realize(...Object.values(made))
    for (const [name, logits] of Object.entries(made)) {
      all[name] ??= new Float32Array(size * classes)
      all[name].set(await logits.data(), start * classes)
    }
  }
  return all
}

/** The share of images whose largest logit is the label's, 0 to 1; logits as `predictions` gives them. */
export function accuracyOf(logits: Float32Array, { size, classes, labels }: Dataset): number {
  let right = 0
  for (let i = 0; i < size; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes)
    if (row.indexOf(row.reduce((a, b) => Math.max(a, b))) === labels[i]) right++
  }
  return right / size
}
