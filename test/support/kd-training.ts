import { imagesOf, labelsOf } from '../../src/data/batch.ts'
import { batches } from '../../src/data/dataset.ts'
import { glyphs } from '../../src/data/glyphs.ts'
import { device } from '../../src/device/current.ts'
import { ce, combine, kldiv } from '../../src/losses/index.ts'
import { Student, Teacher } from '../../src/nn/models/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'
import { largestOf } from './closeness.ts'

/** A short training run: the loss before each step, and the student's weights after the last one. */
export interface Trained {
  readonly losses: readonly number[]
  readonly weights: readonly number[]
}

/**
 * Distils a small CNN from another, by KLDiv with SGD, from the same first weights and batches wherever it runs. The
 * teacher is as it was made: what it says matters less here than that all devices compute the same.
 */
export async function trainOn(name: string, steps: number): Promise<Trained> {
  await device(name)
  const { train: data } = glyphs({ train: 64, test: 10 })
  const student = new Student({ seed: 1, channels: [4, 8] })
  const teacher = new Teacher({ seed: 2, channels: [4, 8], hidden: 16, dropout: 0 }).eval()
  const sgd = new SGD(student.parameters(), { lr: 0.02, momentum: 0.9 })
  const order = Array.from({ length: Math.ceil(steps / 4) }, (_, epoch) =>
    batches(data.size, 16, new Random(3).fork(epoch)),
  ).flat()
  const losses: number[] = []
  for (const picked of order.slice(0, steps)) {
    const indices = Array.from(picked)
    const images = imagesOf(data, indices)
    const batch = {
      student: student.forward(images),
      teacher: teacher.forward(images),
      labels: labelsOf(data, indices),
    }
    const { total } = combine([
      { loss: ce.prepare(batch, {}, { seed: 1 }), weight: 0.5 },
      { loss: kldiv.prepare(batch, {}, { seed: 1 }), weight: 0.9 },
    ])(batch)
    await sgd.step(total)
    losses.push(await total.item())
  }
  const weights = await Promise.all(student.parameters().map((parameter) => parameter.data()))
  return { losses, weights: weights.flatMap((values) => Array.from(values)) }
}

/** What training on `reference` gives: the losses of so many steps, and the weights before and after the first. */
export interface Wanted {
  readonly losses: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/** Trains on `reference`. */
export async function wantedOf(steps: number): Promise<Wanted> {
  const { losses } = await trainOn('reference', steps)
  const { weights: before } = await trainOn('reference', 0)
  const { weights: after } = await trainOn('reference', 1)
  return { losses, before, after }
}

/**
 * How far the weights lie from those of `reference` after a step, as a multiple of what is allowed: of what the step moves,
 * 1e-5, as in the conformance suite; and two roundings to float32, of the first weight and of the moved one.
 */
export function stepDistance(weights: readonly number[], { before, after }: Wanted): number {
  const moved = largestOf(after.map((w, i) => w - before[i]!))
  const shares = after.map((w, i) => Math.abs(weights[i]! - w) / (1e-5 * moved + 2 ** -23 * Math.abs(w)))
  return shares.some(Number.isNaN) ? Infinity : Math.max(...shares)
}

/**
 * How far the losses may lie from those of `reference`, as a share, after so many steps. A step in float32 rounds the loss
 * by some 4e-7 and the weights alike, and those errors add up: no more, while every relu and every pooling takes the same
 * side. That is so in this run; at 2.5 times the rate one of them turns over in step 5, and 1e-3 comes of it.
 */
export const allowedAfter = (steps: number): number => 1e-6 * (1 + steps / 10)

/** The largest distance between two curves, as a multiple of what is allowed. */
export function curveDistance(got: readonly number[], wanted: readonly number[]): number {
  const shares = wanted.map((loss, i) => Math.abs(got[i]! - loss) / Math.abs(loss) / allowedAfter(i))
  return shares.some(Number.isNaN) ? Infinity : Math.max(...shares)
}
