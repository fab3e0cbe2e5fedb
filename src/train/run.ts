import type { Dataset } from '../data/dataset.ts'
import type { Combined } from '../losses/index.ts'
import { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { accuraciesOf } from './evaluate.ts'
import {
  type DistillOptions,
  type Experiment,
  isRun,
  type RunName,
  type RunRecord,
  type RunResult,
  type StageRecord,
} from './experiment.ts'
import { fit } from './fit.ts'
import type { Best } from './fit-state.ts'
import type { Judge } from './judge.ts'
import type { StepPick } from './supplies.ts'
import type { Trainee } from './trainee.ts'
import { atRate, courseOf, epochsOn, optimizerOf, type Training } from './training.ts'

/** One run with its preliminary stages; undefined where it was ended early. */
export async function trained(
  { test, validation, evaluateEvery }: Experiment,
  name: RunName,
  trainee: Trainee,
  data: Dataset,
  training: Training,
  { observer = {}, signal, checkpointEvery, from }: DistillOptions,
  finished: readonly RunRecord[],
): Promise<RunResult | undefined> {
  const current =
    from?.current && isRun({ ...from.current.run, stage: undefined }, name) ? from.current : undefined
  const begun = performance.now() - 1000 * (current?.seconds ?? 0)
  const seconds = () => (performance.now() - begun) / 1000
  const stages: StageRecord[] = [...(current?.stages ?? [])]
  const perEpoch = Math.ceil(data.size / training.batchSize)
  const stage = (
    run: RunName,
    { epochs, rate = 1 }: { readonly epochs: number; readonly rate?: number },
    loss: (pick: StepPick) => Combined,
    judge?: Judge,
  ) => {
    const steps = judge ? training.steps : undefined
    observer.onRun?.(run, steps ?? epochs * perEpoch)
    return fit(
      {
        name: run.row,
        data,
        modules: trainee.modules,
        optimizer: optimizerOf(training, trainee.trained(loss)),
        loss,
        judge,
        epochs,
        steps,
        batchSize: training.batchSize,
        ...courseOf(atRate(training, rate)),
        random: new Random(run.seed).fork(run.stage ? `batches of ${run.stage}` : 'batches'),
        ...(judge ? { averaging: training.averaging, patience: training.patience } : {}),
        checkpointEvery,
        onCheckpoint: (fit) =>
          observer.onCheckpoint?.({ finished, current: { run, stages, seconds: seconds(), fit } }) ??
          Promise.resolve(),
        onStep: (progress) => observer.onStep?.(run, progress),
        onEpoch: (metrics) => observer.onEpoch?.(run, metrics, epochs),
        signal,
      },
      current && isRun(current.run, run) ? current.fit : undefined,
    )
  }
  // A stage before the one that is gone on with is over: what it left is in the modules.
  const over = trainee.preliminary.findIndex(({ id }) => id === current?.run.stage)
  const left = current ? (over < 0 ? [] : trainee.preliminary.slice(over)) : trainee.preliminary
  for (const { id, loss, ...course } of left) {
    const { history, done } = await stage({ ...name, stage: id }, course, loss)
    if (!done) return undefined
    stages.push({ stage: id, history })
  }
  const epochs = epochsOn(training, data.size)
  const judge = { predict: trainee.predict, test, validation, every: evaluateEvery }
  const { history, best, done } = await stage(name, { epochs }, trainee.loss, judge)
  const accuracy = history.at(-1)?.testAccuracy
  if (!done || accuracy === undefined) return undefined
  return {
    ...name,
    trainee,
    history,
    stages,
    accuracy,
    ...(best ? bestOf(best) : {}),
    seconds: seconds(),
    images: data.size,
  }
}

function bestOf({ tensors, ...best }: Best): Pick<RunResult, 'best' | 'bestWeights'> {
  // The student is the first of the modules.
  const own = [...tensors].filter(([name]) => name.startsWith('0.'))
  return { best, bestWeights: new Map(own.map(([name, tensor]) => [name.slice('0.'.length), tensor])) }
}

/** A network that has been trained before. */
export async function judgedOnly(
  name: RunName,
  trainee: Trainee,
  weights: ReadonlyMap<string, Tensor>,
  test: Dataset,
): Promise<RunResult> {
  trainee.student.loadStateDict(weights)
  trainee.student.eval()
  const [accuracy] = Object.values(await accuraciesOf(trainee.predict, test))
  return { ...name, trainee, history: [], stages: [], accuracy: accuracy!, seconds: 0 }
}
