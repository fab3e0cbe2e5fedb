import { normalize } from '../../ops/distance.ts'
import { where } from '../../ops/elementwise.ts'
import { embedding } from '../../ops/lookup.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { meanScore, noiseContrast, type Scores } from './noise-contrast.ts'
import { indicesOf, replaceRows } from './rows.ts'

/** What CRD remembers. */
export interface ContrastMemory {
  /** Embeddings of the R samples of the training set, [R, D] each. */
  readonly memoryS: Tensor
  readonly memoryT: Tensor
  /** What the scores of each side are divided by; -1 until the first batch says it. */
  readonly zS: Tensor
  readonly zT: Tensor
}

export interface ContrastOptions {
  /** Places of the samples in the memories, [N]. */
  readonly index: Tensor<'int'>
  /** Places of the positive of each sample and of its K negatives, [N, K + 1]. */
  readonly contrastIndex: Tensor<'int'>
  readonly temperature: number
  readonly momentum: number
}

/**
 * CRD on embeddings [N, D] of length 1, with given negatives: each side's embedding against the other side's memory.
 * `next` says what becomes of the memory, from what it was before.
 *
 * Every sample of the memory is scored by one matrix product and weighted by how often it is a negative. A table of the
 * negatives' embeddings, [N, K + 1, D], would be far larger.
 */
export function contrast(
  student: Tensor,
  teacher: Tensor,
  { memoryS, memoryT, zS, zT }: ContrastMemory,
  { index, contrastIndex, temperature, momentum }: ContrastOptions,
) {
  const size = memoryS.shape[0]!
  const chosen = chosenOf(contrastIndex, size)
  const side = (v: Tensor, memory: Tensor, z: Tensor) => {
    const scores = scoresOf(v, memory, chosen, temperature)
    const first = meanScore(scores).mul(size)
    const set = (before: Tensor) => where(before.lt(0), first, before)
    return { loss: noiseContrast(scores, set(z).log(), size), z: set }
  }
  const [s, t] = [side(student, memoryT, zS), side(teacher, memoryS, zT)]
  const moved = (v: Tensor) => (before: Tensor) => {
    const row = embedding(index, before)
      .mul(momentum)
      .add(v.detach().mul(1 - momentum))
    return replaceRows(before, index, normalize(row))
  }
  return {
    sLoss: s.loss,
    tLoss: t.loss,
    next: { memoryS: moved(student), memoryT: moved(teacher), zS: s.z, zT: t.z },
  }
}

/** A choice of positives and negatives in the form in which all samples can be scored. */
interface Chosen {
  readonly positives: Tensor<'int'>
  /** [N, R] */
  readonly counts: Tensor
  readonly negatives: number
}

function chosenOf(contrastIndex: Tensor<'int'>, size: number): Chosen {
  const [n, columns] = contrastIndex.shape as [number, number]
  const places = indicesOf(contrastIndex)
  const counts = new Float32Array(n * size)
  for (let i = 0; i < n; i++)
    for (let k = 1; k < columns; k++) counts[i * size + places[i * columns + k]!]! += 1
  return {
    positives: tensor(Int32Array.from({ length: n }, (_, i) => places[i * columns]!)),
    counts: tensor(counts, [n, size]),
    negatives: columns - 1,
  }
}

const scoresOf = (
  v: Tensor,
  memory: Tensor,
  { positives, ...rest }: Chosen,
  temperature: number,
): Scores => ({
  positive: embedding(positives, memory).mul(v).sum(1).div(temperature),
  all: v.matmul(memory.transpose()).div(temperature),
  ...rest,
})
