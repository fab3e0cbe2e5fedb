import { Student } from 'kdgrad/models'
import { Adam } from 'kdgrad/optim'
import { type Definition, workOf } from './definition.ts'
import { filled, type Input, labels, logits, uniform } from './inputs.ts'
import { stepping } from './steps.ts'
import type { Suite, Work } from './support.ts'

const BATCH = 64

/** PyTorch's first weights: uniform within 1 / sqrt of what an output sums up. */
const drawn = (seed: number, shape: readonly number[], fanIn: number) =>
  uniform(seed, shape, 1 / Math.sqrt(fanIn))

function layer(name: string, seed: number, weight: readonly number[], bias = true): Record<string, Input> {
  const [out, ...each] = weight
  const fanIn = each.reduce((product, n) => product * n, 1)
  return {
    [`${name}.weight`]: drawn(seed, weight, fanIn),
    ...(bias ? { [`${name}.bias`]: drawn(seed + 1, [out!], fanIn) } : {}),
  }
}

const norm = (name: string, channels: number): Record<string, Input> => ({
  [`${name}.weight`]: filled([channels], 1),
  [`${name}.bias`]: filled([channels], 0),
})

/** One step by SGD on half cross-entropy, half KLDiv; checked after two, so that momentum counts. */
const definition = (
  name: string,
  task: 'stepMnist' | 'stepCifar',
  images: readonly number[],
  classes: number,
  weights: Readonly<Record<string, Input>>,
): Definition => ({
  name,
  task,
  params: { lr: 0.05, momentum: 0.9, ceWeight: 0.5, temperature: 4 },
  inputs: {
    images: uniform(1, [BATCH, ...images]),
    teacher: logits(2, [BATCH, classes]),
    labels: labels(3, BATCH, classes),
    ...weights,
  },
  results: ['loss', ...Object.keys(weights)],
  runs: 2,
  threads: 2,
})

const s4: Work = {
  name: 'KD step S4-8, Adam, batch 32',
  prepare: () => {
    const net = new Student({ seed: 1 })
    return stepping({
      images: uniform(1, [32, 1, 28, 28]),
      teacher: logits(2, [32, 10]),
      labels: labels(3, 32, 10),
      logits: (x) => net.forward(x).logits,
      optimizer: new Adam(net.parameters(), { lr: 1e-3 }),
      ceWeight: 0.1,
      temperature: 4,
    })
  },
}

export const step: Suite = {
  name: 'step',
  works: [
    workOf(
      definition('KD step MNIST', 'stepMnist', [1, 28, 28], 10, {
        ...layer('conv1', 4, [16, 1, 3, 3]),
        ...layer('conv2', 6, [32, 16, 3, 3]),
        ...layer('fc', 8, [10, 1568]),
      }),
    ),
    workOf(
      definition('KD step CIFAR', 'stepCifar', [3, 32, 32], 100, {
        ...layer('conv1', 4, [32, 3, 3, 3], false),
        ...layer('conv2', 6, [64, 32, 3, 3], false),
        ...layer('conv3', 8, [128, 64, 3, 3], false),
        ...norm('bn1', 32),
        ...norm('bn2', 64),
        ...norm('bn3', 128),
        ...layer('fc', 10, [100, 128]),
      }),
    ),
    s4,
  ],
}
