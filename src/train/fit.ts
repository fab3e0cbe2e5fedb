import { batches, type Dataset } from '../data/dataset.ts'
import { breather } from '../device/breather.ts'
import { DivergedError, show } from '../errors.ts'
import { grad } from '../graph/grad.ts'
import type { Combined } from '../losses/index.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import type { FitState } from './fit-state.ts'
import { heldBy, hold } from './held.ts'
import { type Judge, type Judgement, judged } from './judge.ts'
import { type Culprit, firstNonFinite } from './locate.ts'
import { MovingAverage } from './moving-average.ts'
import { Sums, type TermLoss } from './sums.ts'
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
  readonly judge?: Judge | undefined
  readonly epochs: number
  /** Ends within an epoch after so many steps; whole epochs where left out. */
  readonly steps?: number | undefined
  readonly batchSize: number
  /** Learning rate of a step, counted from 0, given the epochs before it. */
  readonly schedule: (step: number, steps: number, history: readonly EpochMetrics[]) => number
  /** Momentum of a step, where it is not the same for all; for optimisers that have one. */
  readonly momentum?: ((step: number, steps: number) => number) | undefined
  /** Orders the batches. */
  readonly random: Random
  /** Decay of an exponential moving average of the weights, by which the network is judged; none where left out. */
  readonly averaging?: number | undefined
  /** Ends the run after so many judgements without a better validation accuracy. */
  readonly patience?: number | undefined
  /** Steps between checkpoints, which `onCheckpoint` gets; one more where the run is ended early. */
  readonly checkpointEvery?: number | undefined
  readonly onCheckpoint?: ((state: FitState) => Promise<void>) | undefined
  /** What it returns is awaited: whoever shows the run can hold it there. */
  readonly onStep?: (progress: StepProgress) => void | Promise<void>
  readonly onEpoch?: (metrics: EpochMetrics) => void
  /** Ends the run after the step in progress. */
  readonly signal?: AbortSignal | undefined
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

export interface EpochMetrics extends Partial<Judgement> {
  /** From 1. */
  readonly epoch: number
  /** Mean training loss over the epoch's samples. */
  readonly loss: number
  /** The same of each term before its weight, and the weight it had, where there are several. */
  readonly terms?: Readonly<Record<string, TermLoss>>
  /** Loss of the very first step, before anything was learnt: in the first epoch alone. */
  readonly firstLoss?: number
  /** Of the last step. */
  readonly learningRate: number
}

/** What a run has come to. */
export interface Fitted {
  readonly history: readonly EpochMetrics[]
  /** The judgement with the highest validation accuracy, the first of several, and what all modules held then. */
  readonly best: FitState['best']
  /** Whether it came to its end: false where the signal ended it. */
  readonly done: boolean
}

/**
 * Trains the modules; goes on from `from` as if it had never stopped. They hold the moving average at the end, where
 * there is one.
 *
 * @throws DivergedError where the loss or a gradient becomes NaN or infinite, naming the run, the step, the terms, and the operation and
 * the sample that it came from. The modules are then as they were before that step.
 */
export async function fit(options: FitOptions, from?: FitState): Promise<Fitted> {
  const run = new Fit(options)
  if (from) run.restore(from)
  const done = await run.go()
  if (done) await run.settle()
  return { history: run.history, best: run.best, done }
}

class Fit {
  readonly #options: FitOptions
  readonly #steps: number
  readonly #average: MovingAverage | undefined
  readonly #breathe = breather()
  history: readonly EpochMetrics[] = []
  best: FitState['best']
  /** The epoch in progress, from 1, and its steps done. */
  #epoch = 1
  #done = 0
  #sums = new Sums()
  /** Judgements since the best one. */
  #waited = 0

  constructor(options: FitOptions) {
    this.#options = options
    const { data, modules, epochs, batchSize, averaging } = options
    this.#steps = options.steps ?? epochs * Math.ceil(data.size / batchSize)
    this.#average = averaging === undefined ? undefined : new MovingAverage(modules, averaging)
  }

  restore(state: FitState): void {
    const { modules, optimizer } = this.#options
    hold(modules, state.held)
    optimizer.loadState(state.optimizer)
    if (state.average) this.#average?.restore(state.average)
    this.history = state.history
    this.best = state.best
    this.#epoch = state.epoch
    this.#done = state.done
    this.#sums = new Sums(state.sums)
    this.#waited = state.waited
  }

  get #state(): FitState {
    const { modules, optimizer } = this.#options
    return {
      epoch: this.#epoch,
      done: this.#done,
      sums: this.#sums.state,
      history: this.history,
      best: this.best,
      waited: this.#waited,
      held: heldBy(modules),
      optimizer: optimizer.state(),
      average: this.#average?.state,
    }
  }

  /** Trains to the end, or until the signal; whether it came to its end. */
  async go(): Promise<boolean> {
    const { data, batchSize, epochs, random, patience, signal, onCheckpoint } = this.#options
    while (this.#epoch <= epochs) {
      for (const module of this.#options.modules) module.train()
      const order = batches(data.size, batchSize, random.fork(`epoch ${this.#epoch}`))
      for (const picked of order.slice(this.#done)) {
        if (this.#options.optimizer.steps === this.#steps) break
        await this.#breathe()
        if (signal?.aborted) {
          await onCheckpoint?.(this.#state)
          return false
        }
        await this.#step(Array.from(picked))
      }
      await this.#endEpoch()
      if (patience !== undefined && this.#waited >= patience) return true
    }
    return true
  }

  /** Leaves the modules with the averages, in evaluation mode. */
  async settle(): Promise<void> {
    for (const module of this.#options.modules) module.eval()
    this.#average?.apply()
  }

  async #step(indices: readonly number[]): Promise<void> {
    const { optimizer, schedule, momentum, epochs, checkpointEvery, onStep, onCheckpoint } = this.#options
    const step = optimizer.steps
    optimizer.lr = schedule(step, this.#steps, this.history)
    if (momentum && optimizer.momentum > 0) optimizer.momentum = momentum(step, this.#steps)
    const { total, terms } = this.#options.loss({ indices, progress: { epoch: this.#epoch, epochs, step } })
    const parts = Object.entries(terms)
    const values = parts.map(([, { value }]) => value)
    const { stepped, loss, terms: numbers } = await optimizer.stepIfFinite(total, ...values)
    const each = Object.fromEntries(parts.map(([id, { weight }], i) => [id, { loss: numbers[i]!, weight }]))
    if (!stepped) throw await this.#failure(total, loss, each, indices)
    await this.#average?.update()
    this.#done++
    this.#sums.add(loss, each, indices.length)
    const samples = (this.#epoch - 1) * this.#options.data.size + this.#sums.samples
    await onStep?.({ step: step + 1, steps: this.#steps, epoch: this.#epoch, loss, samples })
    if (checkpointEvery && (step + 1) % checkpointEvery === 0) await onCheckpoint?.(this.#state)
  }

  async #failure(
    total: Tensor,
    loss: number,
    terms: Readonly<Record<string, TermLoss>>,
    indices: readonly number[],
  ): Promise<DivergedError> {
    const { name, optimizer, data } = this.#options
    const values = Object.entries(terms).map(([id, { loss }]) => `${id} ${loss}`)
    const cause = causeOf(await this.#culprit(total, indices.length), indices, data)
    const what = Number.isFinite(loss)
      ? `a gradient of ${name} became NaN or infinite`
      : `the loss of ${name} became ${loss}`
    return new DivergedError(
      `train: ${what} at step ${optimizer.steps + 1} of ${this.#steps}, epoch ${this.#epoch}, got ${values.join(', ')} and learning rate ${optimizer.lr}. ${cause}Lower the learning rate or a weight, or look at that term.`,
    )
  }

  /** Where the loss, or else the first gradient that is not finite, comes from. */
  async #culprit(total: Tensor, rows: number): Promise<Culprit | null> {
    const own = await firstNonFinite(total, rows)
    if (own) return own
    for (const gradient of grad(total, this.#options.optimizer.parameters)) {
      const found = await firstNonFinite(gradient, rows)
      if (found) return found
    }
    return null
  }

  async #endEpoch(): Promise<void> {
    const { judge, epochs, modules, optimizer, schedule, onEpoch } = this.#options
    const judging = judge && (this.#epoch % judge.every === 0 || this.#epoch === epochs)
    let judgement: Judgement | undefined
    if (judging) {
      for (const module of modules) module.eval()
      judgement = await (this.#average ? this.#average.during(() => judged(judge)) : judged(judge))
      this.#compare(judgement)
    }
    const metrics = {
      epoch: this.#epoch,
      ...this.#sums.means(),
      ...(this.#epoch === 1 ? { firstLoss: this.#sums.state.first } : {}),
      // Not the optimiser's: that of a run which goes on here has not been set yet.
      learningRate: schedule(optimizer.steps - 1, this.#steps, this.history),
      ...judgement,
    }
    this.history = [...this.history, metrics]
    this.#epoch++
    this.#done = 0
    this.#sums = new Sums()
    onEpoch?.(metrics)
  }

  #compare({ validationAccuracy, testAccuracy }: Judgement): void {
    if (validationAccuracy === undefined) return
    this.#waited++
    if (this.best && validationAccuracy <= this.best.validationAccuracy) return
    this.#waited = 0
    const { tensors } = this.#average ? this.#average.held() : heldBy(this.#options.modules)
    this.best = { epoch: this.#epoch, validationAccuracy, testAccuracy, tensors }
  }
}

/** Where a number that is not finite comes from, as a sentence. */
function causeOf(culprit: Culprit | null, indices: readonly number[], { name, origin }: Dataset): string {
  if (!culprit) return ''
  const { op, shape, value, row } = culprit
  const index = indices[row ?? 0]!
  const sample = row === null ? '' : ` for sample ${origin?.[index] ?? index} of ${name}`
  return op === null
    ? `A tensor ${show(shape)} held ${value} from the start${sample}. `
    : `${op} ${show(shape)} was the first to give ${value}${sample}. `
}
