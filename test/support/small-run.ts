import { imagesOf, labelsOf } from '../../src/data/batch.ts'
import { crossEntropy } from '../../src/index.ts'
import { Student } from '../../src/nn/models/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'
import type { FitOptions } from '../../src/train/index.ts'
import { noise } from './noise.ts'

const data = noise(1, 20, 8)

/** Twelve steps of a tiny network with momentum, the same at every call, with a checkpoint after every third. */
export function smallRun(observer: Pick<FitOptions, 'onStep' | 'onCheckpoint'> = {}): {
  readonly options: FitOptions
  readonly weights: () => Promise<number[]>
} {
  const student = new Student({ size: 8, classes: 3, channels: [2, 3], seed: 1 })
  const options: FitOptions = {
    name: 'test',
    data,
    modules: [student],
    optimizer: new SGD(student.parameters(), { lr: 0.1, momentum: 0.9 }),
    loss: ({ indices }) => {
      const { logits } = student.forward(imagesOf(data, indices))
      const value = crossEntropy(logits, labelsOf(data, indices))
      return { total: value, terms: { ce: { value, weight: 1 } } }
    },
    epochs: 3,
    batchSize: 5,
    schedule: () => 0.1,
    random: new Random(5),
    checkpointEvery: 3,
    ...observer,
  }
  const weights = async () => {
    const tensors = await Promise.all([...student.stateDict().values()].map((t) => t.data()))
    return tensors.flatMap((values) => Array.from(values))
  }
  return { options, weights }
}
