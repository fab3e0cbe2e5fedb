import { imagesOf, labelsOf } from '../data/batch.ts'
import { batches, type Dataset } from '../data/dataset.ts'
import { ValueError } from '../errors.ts'
import type { Model, ModelOutput } from '../nn/models/model.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { accuracyOf } from './evaluate.ts'

/** One minibatch as a loss sees it. */
export interface FitBatch {
  readonly output: ModelOutput
  readonly labels: Tensor<'int'>
  /** Which samples of the data set these are. */
  readonly indices: readonly number[]
}

export interface FitOptions {
  readonly data: Dataset
  /** Judged every `evaluateEvery` epochs and after the last one. */
  readonly test: Dataset
  readonly evaluateEvery: number
  readonly epochs: number
  readonly batchSize: number
  readonly optimizer: Optimizer
  /** Learning rate of a step, counted from 0. */
  readonly schedule: (step: number, steps: number) => number
  /** What is minimised: a scalar. */
  readonly loss: (batch: FitBatch) => Tensor
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
  /** Of the last step. */
  readonly learningRate: number
  /** Share of right answers on the test images, where this epoch was judged. */
  readonly testAccuracy?: number
}

/**
 * Trains `network` and returns the metrics of every epoch.
 *
 * @throws ValueError where the loss becomes NaN or infinite, naming the step.
 */
export async function fit(network: Model, options: FitOptions): Promise<EpochMetrics[]> {
  const { data, epochs, batchSize, optimizer, schedule, random, signal } = options
  const steps = epochs * Math.ceil(data.size / batchSize)
  const history: EpochMetrics[] = []
  let step = 0
  const breathe = breather()
  for (let epoch = 1; epoch <= epochs; epoch++) {
    network.train()
    let sum = 0
    let samples = 0
    for (const picked of batches(data.size, batchSize, random.fork(`epoch ${epoch}`))) {
      await breathe()
      if (signal?.aborted) return history
      const indices = Array.from(picked)
      const labels = labelsOf(data, indices)
      optimizer.lr = schedule(step, steps)
      const loss = options.loss({ output: network.forward(imagesOf(data, indices)), labels, indices })
      await optimizer.step(loss)
      const value = await loss.item()
      step++
      if (!Number.isFinite(value))
        throw new ValueError(
          `train: the loss became ${value} at step ${step} of epoch ${epoch}, got learning rate ${optimizer.lr}. Lower the learning rate or the weight of the loss.`,
        )
      sum += value * indices.length
      samples += indices.length
      options.onStep?.({ step, steps, epoch, loss: value, samples: (epoch - 1) * data.size + samples })
    }
    const judged = epoch % options.evaluateEvery === 0 || epoch === epochs
    const metrics: EpochMetrics = {
      epoch,
      loss: sum / samples,
      learningRate: optimizer.lr,
      ...(judged ? { testAccuracy: await accuracyOf(network, options.test) } : {}),
    }
    history.push(metrics)
    options.onEpoch?.(metrics)
  }
  return history
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
