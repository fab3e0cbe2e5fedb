import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { datasetNames } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { type AnyLoss, losses } from '../losses/index.ts'
import { applySettings, readConfig, type Setting } from './config-file.ts'
import { loadLosses } from './load-losses.ts'
import { addLossOptions, flagsOf, type LossFlags } from './loss-flags.ts'
import { anyNumber, count, nonNegative, positive, share, shareBelowOne, whole } from './numbers.ts'
import { runDistill } from './run-distill.ts'
import { addTrainingOptions, type TeacherFlags, type TrainingFlags } from './training-flags.ts'

/** What `kdgrad distill` was asked for. Undefined values depend on the data set. */
export interface DistillFlags extends LossFlags, TrainingFlags, TeacherFlags {
  readonly config?: string
  readonly resume?: string
  readonly dataset: string
  readonly dataDir?: string
  readonly classes?: 'fine' | 'coarse'
  readonly layout?: 'NHWC' | 'NCHW'
  readonly testFraction?: number
  readonly trainImages?: number
  readonly testImages?: number
  readonly val?: number
  readonly labels?: number
  readonly labelNoise?: number
  readonly losses: string
  readonly teacher: string
  readonly teacherWeights?: string
  readonly teacherDropout?: number
  readonly student: string
  readonly warmup?: number
  readonly evaluateEvery?: number
  readonly checkpointEvery: number
  readonly seed: number
  readonly seeds: number
  readonly device: string
  readonly threads?: number
  readonly out?: string
}

const DEFAULT_LOSSES = 'kldiv,dkd,dist'

/** `kdgrad distill`: every parameter of every chosen loss is a flag, `--dkd.beta 2`; a file may set any flag. */
export async function distillCommand(argv: readonly string[]): Promise<Command> {
  const settings = settingsFor(argv)
  const list = valueIn(argv, 'losses') ?? settings.find(({ name }) => name === 'losses')?.text
  const chosen = await loadLosses(list ?? DEFAULT_LOSSES)
  const command = new Command('distill')
    .description('train a teacher, the student alone, and the student distilled by several losses')
    .option('--config <file>', 'flags from a file (YAML or JSON): epochs: 30; flags on the command line win')
    .option('--resume <folder>', 'go on with the run in this folder, as if it had never stopped')
    .option('--dataset <name>', datasetNames.join(', '), 'glyphs')
    .option(
      '--data-dir <folder>',
      'where the files of a data set are (default: where kdgrad data fetch puts them)',
    )
    .addOption(new Option('--classes <which>', "CIFAR-100's classes (fine)").choices(['fine', 'coarse']))
    .addOption(new Option('--layout <order>', 'where the channels of npz are').choices(['NHWC', 'NCHW']))
    .option(
      '--test-fraction <share>',
      'of npz and folder without test images: the share that becomes them',
      share,
    )
    .option('--train-images <n>', 'images that the teacher sees (glyphs: 3000; else all)', count)
    .option('--test-images <n>', 'images of the built-in set that all are judged on (2000)', count)
    .option(
      '--val <share>',
      'share of the training images held back to choose the best epoch by (0)',
      shareBelowOne,
    )
    .option('--labels <n>', 'labelled images the student gets (glyphs: 300; else all)', count)
    .option('--label-noise <share>', 'share of the training labels that are made wrong (0)', shareBelowOne)
    .option(
      '--losses <list>',
      "comma-separated ids of 'kdgrad losses', sums such as ce + 0.9*kldiv + 0.8*crd, files with your own, or all",
      DEFAULT_LOSSES,
    )
    .option('--teacher <model>', "the teacher, a model of 'kdgrad models'", 't8-16')
    .option('--teacher-weights <file>', 'a teacher that is trained already: a state dict as safetensors')
    .option('--teacher-dropout <p>', "the teacher's dropout, where it has one (t8-16: 0.2)", shareBelowOne)
    .option('--student <model>', "the student, a model of 'kdgrad models'", 's4-8')
  addTrainingOptions(command, 'student', { epochs: '30 up to 500 images, then fewer', batch: 32, lr: 0.005 })
  addTrainingOptions(command, 'teacher', { epochs: '4', batch: 64, lr: 0.004 })
  command
    .option('--temperature <T>', 'temperature of every loss that has one', positive)
    .option('--weight <w>', 'weight of every distillation loss', anyNumber)
    .option('--ce-weight <w>', 'weight of the cross-entropy beside every distillation loss', anyNumber)
    .option('--warmup <epochs>', 'epochs over which the weight of every distillation loss grows', nonNegative)
    .option('--init-epochs <n>', 'epochs of every preliminary stage, 0 for none', whole)
    .option('--evaluate-every <n>', 'epochs between evaluations of the students', count)
    .option('--checkpoint-every <n>', 'steps between checkpoints', count, 200)
    .option('--seed <n>', 'first seed', whole, 0)
    .option('--seeds <n>', 'how many seeds to run', count, 1)
    .option('--device <name>', "a device of 'kdgrad devices', or auto", 'auto')
    .option('--threads <n>', 'threads of the device cpu (default: one a core, at most 8)', count)
    .option('--out <folder>', 'folder of the run (default: the first free of runs/<dataset>-<n>)')
  const trained = new Set(chosen.flatMap(({ terms }) => terms.map(({ loss }) => loss)))
  for (const loss of trained) addLossOptions(command, loss)
  applySettings(command, settings, flagsOfOthers(trained))
  return command.action((flags: DistillFlags, { getOptionValueSource }: Command) =>
    runDistill(flags, chosen, (name) => getOptionValueSource.call(command, name)),
  )
}

/** The flags of the published losses that are not trained with this time: a file may set them all the same. */
const flagsOfOthers = (trained: ReadonlySet<AnyLoss>): string[] =>
  [...losses.values()]
    .filter((loss) => !trained.has(loss))
    .flatMap((loss) => flagsOf(loss).map((flag) => `${loss.id}.${flag}`))

/** What a file says: the one that --config names, or the configuration of the run that --resume goes on with. */
function settingsFor(argv: readonly string[]): Setting[] {
  const [config, resume] = [valueIn(argv, 'config'), valueIn(argv, 'resume')]
  if (resume === undefined) return config === undefined ? [] : readConfig(resolve(config))
  const others = argv.slice(1).filter((arg) => arg.startsWith('--') && !/^--resume(=|$)/.test(arg))
  if (others.length > 0)
    throw new UsageError(
      `resume: a run goes on with what it began with, got ${others.join(', ')} too. Leave the other flags out, or start a new run.`,
    )
  const begun = join(resume, 'config.json')
  if (!existsSync(begun))
    throw new UsageError(`resume: the folder holds no run, got ${resume}. Name one that has a config.json.`)
  return readConfig(begun)
}

/** The value of a flag that is needed before the flags can be declared. */
function valueIn(argv: readonly string[], name: string): string | undefined {
  if (argv[0] !== 'distill') return undefined
  // The last one, which is the one that counts.
  const at = argv.findLastIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`))
  if (at < 0) return undefined
  const arg = argv[at]!
  return arg === `--${name}` ? argv[at + 1] : arg.slice(`--${name}=`.length)
}
