import { batches, type Dataset } from '../data/dataset.ts'
import { ValueError } from '../errors.ts'
import type { Combined } from '../losses/index.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Random } from '../random.ts'
import { accuraciesOf, type Predict } from './evaluate.ts'
import type { StepPick } from './supplies.ts'

export interface FitOptions {
  /** What messages call the run. */
  readonly name: string
  readonly data: Dataset
  /** All that is trained, running statistics included: stands in training mode during a step. */
  readonly modules: readonly Module[]
  readonly optimizer: Optimizer
  /** What is minimised on the samples of a step, and its terms. */
  readonly loss: (pick: StepPick) => Combined
  /** Share of right answers by what answers; the first decides. Judged every `evaluateEvery` epochs and after the last. */
  readonly judge?: { readonly predict: Predict; readonly test: Dataset; readonly evaluateEvery: number }
  readonly epochs: number
  readonly batchSize: number
  /** Learning rate of a step, counted from 0. */
  readonly schedule: (step: number, steps: number) => number
  /** Orders the batches. */
  readonly random: Random
  readonly onStep?: (progress: StepProgress) => void
  readonly onEpoch?: (metrics: EpochMetrics) => void
  /** Ends the run after the step in progress. */
  readonly signal?: AbortSignal
}

export interface StepProgress {
  /** Steps done, and to do in all. */
  readonly step: number
  readonly steps: number
  readonly epoch: number
  readonly loss: number
  /** Images seen so far. */
  readonly samples: number
}

export interface EpochMetrics {
  /** From 1. */
  readonly epoch: number
  /** Mean training loss over the epoch's samples. */
  readonly loss: number
  /** The same of each term before its weight, and the weight it had, where there are several. */
  readonly terms?: Readonly<Record<string, { readonly loss: number; readonly weight: number }>>
  /** Of the last step. */
  readonly learningRate: number
  /** Share of right answers on the test images, where this epoch was judged. */
  readonly testAccuracy?: number
  /** The same of every exit, where the network has several. */
  readonly exits?: Readonly<Record<string, number>>
}

/**
 * Trains the modules and returns the metrics of every epoch.
 *
 * @throws ValueError where the loss becomes NaN or infinite, naming the run, the step and the terms.
 */
export async function fit(options: FitOptions): Promise<EpochMetrics[]> {
  const { data, modules, epochs, batchSize, optimizer, schedule, random, signal } = options
  const steps = epochs * Math.ceil(data.size / batchSize)
  const history: EpochMetrics[] = []
  let step = 0
  const breathe = breather()
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (const module of modules) module.train()
    const sums = new Sums()
    for (const picked of batches(data.size, batchSize, random.fork(`epoch ${epoch}`))) {
      await breathe()
      if (signal?.aborted) return history
      const indices = Array.from(picked)
      optimizer.lr = schedule(step, steps)
      const { total, terms } = options.loss({ indices, progress: { epoch, epochs, step } })
      const parts = Object.entries(terms)
      await optimizer.step(total, ...parts.map(([, { value }]) => value))
      const value = await total.item()
      step++
      const each = await Promise.all(
        parts.map(async ([id, { value, weight }]) => [id, { loss: await value.item(), weight }] as const),
      )
      if (!Number.isFinite(value))
        throw new ValueError(
          `train: the loss of ${options.name} became ${value} at step ${step} of epoch ${epoch}, got ${each.map(([id, { loss }]) => `${id} ${loss}`).join(', ')} and learning rate ${optimizer.lr}. Lower the learning rate or a weight, or look at that term.`,
        )
      sums.add(value, each, indices.length)
      const samples = (epoch - 1) * data.size + sums.samples
      options.onStep?.({ step, steps, epoch, loss: value, samples })
    }
    const metrics = {
      epoch,
      ...sums.means(),
      learningRate: optimizer.lr,
      ...(await judged(options, epoch)),
    }
    history.push(metrics)
    options.onEpoch?.(metrics)
  }
  return history
}

/** Losses of an epoch, added up over its samples. */
class Sums {
  samples = 0
  #loss = 0
  readonly #terms = new Map<string, { loss: number; weight: number }>()

  add(
    loss: number,
    terms: readonly (readonly [string, { loss: number; weight: number }])[],
    samples: number,
  ) {
    this.samples += samples
    this.#loss += loss * samples
    for (const [id, { loss, weight }] of terms)
      this.#terms.set(id, { loss: (this.#terms.get(id)?.loss ?? 0) + loss * samples, weight })
  }

  means(): { loss: number; terms?: Record<string, { loss: number; weight: number }> } {
    const terms = [...this.#terms].map(
      ([id, { loss, weight }]) => [id, { loss: loss / this.samples, weight }] as const,
    )
    return {
      loss: this.#loss / this.samples,
      ...(terms.length > 1 ? { terms: Object.fromEntries(terms) } : {}),
    }
  }
}

async function judged(
  { judge, modules, epochs }: FitOptions,
  epoch: number,
): Promise<Pick<EpochMetrics, 'testAccuracy' | 'exits'>> {
  if (!judge || (epoch % judge.evaluateEvery !== 0 && epoch !== epochs)) return {}
  for (const module of modules) module.eval()
  const accuracies = await accuraciesOf(judge.predict, judge.test)
  const [first] = Object.values(accuracies)
  return {
    testAccuracy: first!,
    ...(Object.keys(accuracies).length > 1 ? { exits: accuracies } : {}),
  }
}

/** Longest stretch without a look at signals, timers and the terminal, in milliseconds. */
const BREATH = 50

/** Lets waiting events in: on a device that answers at once, awaiting alone never leaves the training loop. */
function breather(): () => Promise<void> {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < BREATH) return
    await new Promise((resolve) => setTimeout(resolve, 0))
    last = performance.now()
  }
}
