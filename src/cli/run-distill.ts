import { join } from 'node:path'
import type { Dataset } from '../data/dataset.ts'
import { glyphs, loadMnist } from '../data/index.ts'
import { device } from '../device/current.ts'
import type { Device } from '../device/device.ts'
import { deviceNames } from '../device/open.ts'
import { UsageError } from '../errors.ts'
import { type Model, models } from '../nn/models/index.ts'
import { checkExperiment, distill, type Experiment, type RunResult } from '../train/distill.ts'
import type { Method } from '../train/method.ts'
import { type Recipe, recipeOf } from '../train/recipes.ts'
import { RunFolder } from '../train/run-folder.ts'
import { summarise } from '../train/summary.ts'
import type { DistillFlags } from './distill.ts'
import type { Choice } from './load-losses.ts'
import { methodOf } from './loss-flags.ts'
import { plainProgress, terminalProgress } from './progress.ts'
import { curvesOf, tableOf } from './report.ts'
import { shapeReport } from './shape-report.ts'
import { oneOf } from './suggest.ts'
import { version } from './version.ts'

/** The exit code of a run that Ctrl-C ended, as shells have it. */
const INTERRUPTED = 130

/** Runs the experiment that the flags describe: progress, table and a run folder. */
export async function runDistill(flags: DistillFlags, choices: readonly Choice[]): Promise<void> {
  const dataset = oneOf('dataset', flags.dataset, ['glyphs', 'mnist'])
  oneOf('device', flags.device, ['auto', ...deviceNames])
  const on = await device(flags.device, flags.threads === undefined ? {} : { threads: flags.threads })
  const { train, test } = loadData(dataset, flags)
  const recipe = recipeOf(dataset, train.size, flags.labels)
  const epochs = flags.epochs ?? recipe.student.epochs
  const methods = choices.map((choice) => methodOf(choice, flags, recipe, epochs))
  const experiment = experimentOf(flags, recipe, train, test, methods)
  // Before the folder is claimed: a run that cannot start leaves nothing behind.
  checkExperiment(experiment)
  const config = configOf(flags, recipe, experiment, methods, on)
  const folder = flags.out
    ? RunFolder.claim(flags.out, config)
    : RunFolder.claimNext(join('runs', dataset), config)
  console.log(`Device ${on.name} (${on.description}); run folder ${folder.path}`)

  const abort = new AbortController()
  const interrupt = () => abort.abort()
  process.once('SIGINT', interrupt)
  const view = process.stdout.isTTY ? terminalProgress() : plainProgress((line) => console.log(line))
  const finished: RunResult[] = []
  try {
    await distill(
      experiment,
      {
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
          finished.push(result)
          await save(folder, result)
        },
      },
      abort.signal,
    )
  } finally {
    view.stop()
    process.off('SIGINT', interrupt)
    await close(folder, finished, experiment)
  }
  if (abort.signal.aborted) {
    console.log(`Interrupted: what was measured so far is in ${folder.path}`)
    process.exitCode = INTERRUPTED
  }
}

function loadData(dataset: 'glyphs' | 'mnist', flags: DistillFlags): { train: Dataset; test: Dataset } {
  if (dataset === 'glyphs') {
    if (flags.dataDir !== undefined)
      throw new UsageError(
        `data-dir: glyphs are built in, got ${flags.dataDir}. Add --dataset mnist, or drop it.`,
      )
    return glyphs({ train: flags.trainImages, test: flags.testImages })
  }
  if (flags.dataDir === undefined)
    throw new UsageError('data-dir: mnist needs a folder with its files, got none. Add --data-dir <folder>.')
  return loadMnist(flags.dataDir)
}

function experimentOf(
  flags: DistillFlags,
  recipe: Recipe,
  train: Dataset,
  test: Dataset,
  methods: readonly Method[],
): Experiment {
  if (recipe.studentImages !== undefined && recipe.studentImages > train.size)
    throw new UsageError(
      `labels: ${train.name} has fewer images, got ${recipe.studentImages} of ${train.size}. Ask for at most ${train.size}.`,
    )
  const student = {
    epochs: flags.epochs ?? recipe.student.epochs,
    batchSize: flags.batch,
    learningRate: flags.lr,
    optimizer: flags.optimizer,
  }
  return {
    train,
    test,
    studentImages: recipe.studentImages,
    makeTeacher: maker('teacher', flags.teacher, train),
    makeStudent: maker('student', flags.student, train),
    teacher: {
      ...recipe.teacher,
      epochs: flags.teacherEpochs ?? recipe.teacher.epochs,
      batchSize: flags.teacherBatch,
      learningRate: flags.teacherLr,
    },
    student,
    methods,
    seeds: Array.from({ length: flags.seeds }, (_, i) => flags.seed + i),
    evaluateEvery: flags.evaluateEvery ?? Math.ceil(student.epochs / 10),
  }
}

/** Makes the named model for the images of a data set. */
function maker(role: string, name: string, { shape, classes }: Dataset): (seed: number) => Model {
  const make = models.get(oneOf(role, name, [...models.keys()]))!
  return (seed) => make({ inChannels: shape[0], size: shape[1], classes, seed })
}

/** Everything that decides the result, defaults written out. */
function configOf(
  flags: DistillFlags,
  recipe: Recipe,
  experiment: Experiment,
  methods: readonly Method[],
  { name: device, description }: Device,
): object {
  const { train, test, studentImages, teacher, student, seeds, evaluateEvery } = experiment
  return {
    kdgrad: version,
    dataset: flags.dataset,
    recipe: recipe.source,
    ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }),
    trainImages: train.size,
    testImages: test.size,
    studentImages: studentImages ?? train.size,
    device,
    deviceDetail: description,
    seeds,
    evaluateEvery,
    teacher: { model: flags.teacher, ...teacher },
    student: { model: flags.student, ...student },
    methods: methods.map(({ id, terms }) => ({
      id,
      terms: terms.map(({ loss, weight, warmup, params }) => ({
        loss: loss.id,
        weight,
        ...(warmup > 0 ? { warmup } : {}),
        parameters: params,
      })),
    })),
  }
}

/** The student for inference, and what was trained or remembered beside it in files of their own. */
async function save(folder: RunFolder, { row, seed, trainee, seconds }: RunResult): Promise<void> {
  const name = `${row.replaceAll('*', 'x').replaceAll(/[^\w.]+/g, '-')}-seed${seed}`
  const about = { row, seed: String(seed) }
  await folder.writeWeights(name, trainee.student, about)
  for (const [owner, module] of trainee.helpers)
    if (module.stateDict().size > 0) await folder.writeWeights(`${name}.${owner}`, module, about)
  folder.addTime({ row, seed, seconds })
}

/** Table, summary and picture of the runs that finished. */
async function close(
  folder: RunFolder,
  finished: readonly RunResult[],
  experiment: Experiment,
): Promise<void> {
  if (finished.length === 0) return
  const rows = summarise(finished)
  folder.writeJson(
    'summary.json',
    rows.map(({ seconds: _, ...row }) => row),
  )
  const { curvesSvg } = await import('../train/curves.ts')
  folder.write('curves.svg', curvesSvg(`${experiment.test.name}: accuracy over training`, curvesOf(finished)))
  console.log(tableOf(rows, experiment))
}
