import { join } from 'node:path'
import { device } from '../device/current.ts'
import { deviceNames } from '../device/open.ts'
import { DeviceError, ValueError } from '../errors.ts'
import { checkExperiment, distill } from '../train/distill.ts'
import {
  type Experiment,
  type ExperimentState,
  type RunRecord,
  type RunResult,
  recordOf,
} from '../train/experiment.ts'
import { recipeOf } from '../train/recipes.ts'
import { fileOf, RunFolder } from '../train/run-folder.ts'
import { summarise } from '../train/summary.ts'
import { epochsOn } from '../train/training.ts'
import { warningsOf } from '../train/warnings.ts'
import type { DistillFlags } from './distill.ts'
import { dataOf, experimentOf } from './experiment.ts'
import type { Choice } from './load-losses.ts'
import { methodOf } from './loss-flags.ts'
import { metricsCsv } from './metrics-csv.ts'
import { plainProgress, terminalProgress } from './progress.ts'
import { curvesOf, tableOf } from './report.ts'
import { experimentText, type ResolvedConfig, resolvedConfig, type SourceOf } from './resolved-config.ts'
import { shapeReport } from './shape-report.ts'
import { oneOf } from './suggest.ts'
import { trainingOf, withoutLesser } from './training-flags.ts'

/** What ends a run in good order: Ctrl-C, and a job queue whose time is up. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** The exit code of a run that Ctrl-C ended, as shells have it. */
const INTERRUPTED = 130

/** Runs the experiment that the flags describe, or goes on with it: progress, table and a run folder. */
export async function runDistill(
  given: DistillFlags,
  choices: readonly Choice[],
  sourceOf: SourceOf,
): Promise<void> {
  const flags = withoutLesser(given, sourceOf)
  oneOf('device', flags.device, ['auto', ...deviceNames])
  const on = await device(flags.device, flags.threads === undefined ? {} : { threads: flags.threads })
  const data = dataOf(flags)
  const recipe = recipeOf(flags.dataset, data.train.size, flags.labels)
  const epochs = epochsOn(trainingOf(flags, recipe.student.epochs), recipe.studentImages ?? data.train.size)
  const methods = choices.map((choice) => methodOf(choice, flags, recipe, epochs))
  const experiment = experimentOf({ ...flags, epochs }, recipe, data, methods)
  // Before the folder is claimed: a run that cannot start leaves nothing behind.
  checkExperiment(experiment)
  const config = resolvedConfig(flags, sourceOf, recipe, experiment, on)
  const text = experimentText(config)
  const { folder, state } = await begin(flags, config, text)
  console.log(`Device ${on.name} (${on.description}); run folder ${folder.path}`)

  const abort = new AbortController()
  const interrupt = () => abort.abort()
  for (const signal of SIGNALS) process.once(signal, interrupt)
  const view = process.stdout.isTTY ? terminalProgress() : plainProgress((line) => console.log(line))
  const finished: RunRecord[] = [...state.finished]
  const diverged: string[] = []
  const goOn = `what was measured so far is in ${folder.path}; go on with --resume ${folder.path}`
  let failed = false
  try {
    await distill(experiment, {
      signal: abort.signal,
      checkpointEvery: flags.checkpointEvery,
      from: { ...state, weightsOf: (run) => folder.readWeights(fileOf(run)) },
      observer: {
        onRun: (run, steps) => view.start(run, steps),
        onStep: (_, progress) => view.step(progress),
        onTrainee: (run, trainee) => {
          for (const line of run.seed === flags.seed ? shapeReport(run.row, trainee) : []) console.log(line)
        },
        onEpoch: (run, metrics, epochs) => {
          folder.addMetrics({ ...run, ...metrics })
          view.epoch(metrics, epochs)
        },
        onResult: async (result) => {
          view.stop()
          finished.push(recordOf(result))
          await save(folder, result)
          for (const warning of warningsOf(result, {
            classes: data.test.classes,
            testImages: data.test.size,
          }))
            console.log(`Warning: ${warning}`)
        },
        onDiverged: ({ row, seed }, error) => {
          view.stop()
          diverged.push(`${row} (seed ${seed})`)
          console.error(error.message)
        },
        onCheckpoint: (reached) => folder.writeCheckpoint(reached, text),
      },
    })
  } catch (error) {
    failed = error instanceof DeviceError
    throw error
  } finally {
    view.stop()
    for (const signal of SIGNALS) process.off(signal, interrupt)
    await close(folder, finished, experiment)
    if (failed) console.log(`The device failed: ${goOn}`)
  }
  if (abort.signal.aborted) {
    console.log(`Interrupted: ${goOn}`)
    process.exitCode = INTERRUPTED
  } else if (diverged.length > 0)
    throw new ValueError(
      `distill: ${diverged.length === 1 ? 'a run' : 'runs'} did not come to the end, got NaN or infinity in ${diverged.join(', ')}. The table is of the others.`,
    )
}

/** The folder of a new run, or of the one to go on with, and how far that has come. */
async function begin(
  flags: DistillFlags,
  config: ResolvedConfig,
  text: string,
): Promise<{ folder: RunFolder; state: ExperimentState }> {
  if (flags.resume !== undefined) {
    const folder = RunFolder.reopen(flags.resume)
    const state = await folder.readCheckpoint(text)
    folder.rewindMetrics(state)
    return { folder, state }
  }
  const folder = flags.out
    ? RunFolder.claim(flags.out, config)
    : RunFolder.claimNext(join('runs', flags.dataset), config)
  return { folder, state: { finished: [] } }
}

/** The student for inference, and what was trained or remembered beside it in files of their own. */
async function save(folder: RunFolder, result: RunResult): Promise<void> {
  const { row, seed, trainee, bestWeights, seconds } = result
  const name = fileOf(result)
  const about = { row, seed: String(seed) }
  await folder.writeWeights(name, trainee.student.stateDict(), about)
  if (bestWeights) await folder.writeWeights(`${name}.best`, bestWeights, about)
  for (const [owner, module] of trainee.helpers)
    if (module.stateDict().size > 0) await folder.writeWeights(`${name}.${owner}`, module.stateDict(), about)
  folder.addTime({ row, seed, seconds })
}

/** Table, summary and picture of the runs that finished. */
async function close(
  folder: RunFolder,
  finished: readonly RunRecord[],
  experiment: Experiment,
): Promise<void> {
  if (finished.length === 0) return
  const rows = summarise(finished)
  folder.write('metrics.csv', metricsCsv(finished))
  folder.writeJson(
    'summary.json',
    rows.map(({ seconds: _, ...row }) => row),
  )
  const { curvesSvg } = await import('../train/curves.ts')
  folder.write('curves.svg', curvesSvg(`${experiment.test.name}: accuracy over training`, curvesOf(finished)))
  console.log(tableOf(rows, experiment))
}
