import fc from 'fast-check'
import type { Side, Supplies } from '../losses/batch.ts'
import { type Shape, sizeOf } from '../shape.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { type LogitBatch, type LogitBatchOptions, logitBatch, numbers } from './batches.ts'

/** A batch with everything that a loss can need, from two small networks of two stages each. */
export type DistillBatch = LogitBatch &
  Omit<Supplies, keyof LogitBatch> & { readonly student: Side; readonly teacher: Side }

export interface DistillBatchOptions extends LogitBatchOptions {
  /** Largest |feature|. Default 2. */
  readonly largestFeature?: number
}

/** Channels of the two maps, and the width of the pooled feature. */
const STUDENT = [3, 4, 5] as const
const TEACHER = [4, 5, 6] as const
/** Height and width of the two maps. */
const SIDES = [4, 2] as const
/** Samples of the training set that the batch is drawn from. */
const SIZE = 40

/**
 * Batches for losses on features, labels, indices, views and whatever else a loss can need, which shrink as those of
 * `logitBatch` do. With `degenerate`: maps that are 0 or constant, dead channels, equal samples.
 */
export function distillBatch(options: DistillBatchOptions = {}): fc.Arbitrary<DistillBatch> {
  const { largest = 6, largestFeature = 2, degenerate = false } = options
  return logitBatch(options).chain((batch) => {
    const [n, c] = batch.student.logits.shape as [number, number]
    const feature = (shape: Shape) => featureOf(shape, largestFeature, degenerate)
    const sideOf = (widths: readonly [number, number, number], logits: fc.Arbitrary<Tensor>) =>
      fc.record({
        logits,
        features: fc.record({
          stage1: feature([n, widths[0], SIDES[0], SIDES[0]]),
          stage2: feature([n, widths[1], SIDES[1], SIDES[1]]),
          penultimate: feature([n, widths[2]]),
        }),
        preActivations: fc.record({
          stage1: feature([n, widths[0], SIDES[0], SIDES[0]]),
          stage2: feature([n, widths[1], SIDES[1], SIDES[1]]),
        }),
      })
    const logits = numbers(n * c, largest).map((values) => tensor(values, [n, c]))
    const maps = feature([n, c, SIDES[1], SIDES[1]])
    return fc
      .record({
        student: sideOf(STUDENT, fc.constant(batch.student.logits)),
        teacher: sideOf(TEACHER, fc.constant(batch.teacher.logits)),
        view: fc.record({ student: sideOf(STUDENT, logits), teacher: sideOf(TEACHER, logits) }),
        partner: sideOf(STUDENT, logits),
        peer: sideOf(STUDENT, logits),
        formerSelf: sideOf(STUDENT, logits),
        classMaps: fc.record({ student: maps, teacher: maps }),
        epoch: fc.integer({ min: 1, max: 4 }),
        classifier: featureOf([c, TEACHER[1]], 1, false),
        norms: fc.array(norm(), { minLength: TEACHER[0] + TEACHER[1], maxLength: TEACHER[0] + TEACHER[1] }),
        classes: fc.array(fc.integer({ min: 0, max: c - 1 }), { minLength: SIZE, maxLength: SIZE }),
        index: fc.uniqueArray(fc.integer({ min: 0, max: SIZE - 1 }), { minLength: n, maxLength: n }),
      })
      .map(({ epoch, classifier, norms, classes, index, ...sides }) => {
        const labels = Int32Array.from(classes)
        index.forEach((i, k) => {
          labels[i] = batch.labels.host![k]!
        })
        return {
          ...sides,
          labels: batch.labels,
          index: tensor(Int32Array.from(index), [n]),
          trainingSet: { size: SIZE, classes: c, labels },
          progress: { epoch, epochs: 4, step: epoch - 1 },
          teacherClassifier: (map: Tensor) => {
            const penultimate = map.mean([2, 3])
            return { penultimate, logits: penultimate.matmul(classifier.transpose()) }
          },
          teacherNorms: {
            stage1: normOf(norms.slice(0, TEACHER[0])),
            stage2: normOf(norms.slice(TEACHER[0])),
          },
        }
      })
  })
}

/** Scale and shift of a channel of batch normalisation. */
const norm = () => fc.tuple(fc.integer({ min: -512, max: 512 }), fc.integer({ min: -512, max: 512 }))

const normOf = (channels: readonly (readonly [number, number])[]) => ({
  weight: tensor(channels.map(([scale]) => scale / 256)),
  bias: tensor(channels.map(([, shift]) => shift / 256)),
})

/** How small what is not 0 can be. */
const small = fc.constantFrom(1e-4, 1e-6, 1e-8, 1e-12)

/** Values of a feature [N, C, ...]. */
function featureOf(shape: Shape, largest: number, degenerate: boolean): fc.Arbitrary<Tensor> {
  const [n, c] = shape as [number, number]
  const inner = sizeOf(shape.slice(2))
  const ordinary = numbers(sizeOf(shape), largest)
  const all = (value: number) => new Array<number>(sizeOf(shape)).fill(value)
  const values: fc.Arbitrary<readonly number[]> = !degenerate
    ? ordinary
    : fc.oneof(
        { arbitrary: ordinary, weight: 3 },
        fc.constantFrom(0, largest, -1).map(all),
        // One channel is dead.
        ordinary.map((flat) => flat.map((x, i) => (Math.floor(i / inner) % c === 0 ? 0 : x))),
        // All samples are equal, or the first one is zero.
        ordinary.map((flat) => Array.from({ length: n }, () => flat.slice(0, c * inner)).flat()),
        ordinary.map((flat) => flat.map((x, i) => (i < c * inner ? 0 : x))),
        // All but nothing: everywhere, in one channel, in one sample.
        fc.tuple(ordinary, small).map(([flat, scale]) => flat.map((x) => x * scale)),
        fc
          .tuple(ordinary, small)
          .map(([flat, scale]) => flat.map((x, i) => (Math.floor(i / inner) % c === 0 ? x * scale : x))),
        fc.tuple(ordinary, small).map(([flat, scale]) => flat.map((x, i) => (i < c * inner ? x * scale : x))),
        // Samples that are all but equal.
        fc
          .tuple(ordinary, small)
          .map(([flat, scale]) => flat.map((x, i) => flat[i % (c * inner)]! + x * scale)),
      )
  return values.map((flat) => tensor([...flat], shape))
}
