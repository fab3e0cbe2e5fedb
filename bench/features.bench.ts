import { grad } from 'kdgrad'
import {
  type AnyBatch,
  type AnyLoss,
  at,
  cc,
  crd,
  fitnet,
  ickd,
  nst,
  reviewkd,
  rkd,
  type Settings,
  sp,
} from 'kdgrad/losses'
import { computing } from './computing.ts'
import { labels, logits, tensorOf, uniform } from './inputs.ts'
import type { Suite, Work } from './support.ts'

const [N, CLASSES, SAMPLES] = [64, 100, 4096]

/** The last two stages and the pooled feature of a CIFAR ResNet x4, and of one half as wide. */
const sideOf = (seed: number, width: number) => ({
  logits: tensorOf(logits(seed, [N, CLASSES])),
  features: {
    stage2: tensorOf(uniform(seed + 1, [N, 2 * width, 16, 16])),
    stage3: tensorOf(uniform(seed + 2, [N, 4 * width, 8, 8])),
    penultimate: tensorOf(uniform(seed + 3, [N, 4 * width])),
  },
})

/** A loss with adapters and state as they start: the value, and the gradient in the student's features. */
const work = (name: string, loss: AnyLoss, params: Settings = {}): Work => ({
  name: `${name} batch ${N}`,
  prepare: () => {
    const student = sideOf(1, 16)
    const batch: AnyBatch = {
      student,
      teacher: sideOf(5, 32),
      labels: tensorOf(labels(9, N, CLASSES)),
      index: tensorOf(labels(10, N, SAMPLES)),
      trainingSet: {
        size: SAMPLES,
        classes: CLASSES,
        labels: Int32Array.from({ length: SAMPLES }, (_, i) => i % CLASSES),
      },
      progress: { epoch: 1, epochs: 1, step: 0 },
    }
    const prepared = loss.prepare(batch, params)
    return computing(() => {
      const value = prepared(batch)
      return [value, ...grad(value, Object.values(student.features))]
    })
  },
})

export const features: Suite = {
  name: 'features',
  works: [
    work('AT', at),
    work('FitNet', fitnet),
    work('ICKD', ickd),
    work('NST', nst),
    work('ReviewKD', reviewkd),
    work('SP', sp),
    work('RKD', rkd),
    work('CC', cc),
    work(`CRD of ${SAMPLES}`, crd, { negatives: 1024 }),
  ],
}
