import { Command, Option } from 'commander'
import { models } from '../nn/models/index.ts'
import { loadLosses } from './load-losses.ts'
import { addLossOptions, type LossFlags } from './loss-flags.ts'
import { anyNumber, count, nonNegative, positive, whole } from './numbers.ts'
import { runDistill } from './run-distill.ts'

/** What `kdgrad distill` was asked for. Undefined values depend on the data set. */
export interface DistillFlags extends LossFlags {
  readonly dataset: string
  readonly dataDir?: string
  readonly trainImages: number
  readonly testImages: number
  readonly losses: string
  readonly labels?: number
  readonly epochs?: number
  readonly batch: number
  readonly lr: number
  readonly optimizer: 'adam' | 'sgd'
  readonly teacher: string
  readonly student: string
  readonly teacherEpochs?: number
  readonly teacherBatch: number
  readonly teacherLr: number
  readonly evaluateEvery?: number
  readonly seed: number
  readonly seeds: number
  readonly device: string
  readonly threads?: number
  readonly out?: string
}

const DEFAULT_LOSSES = 'kldiv,dkd,dist'

/** `kdgrad distill`: every parameter of every chosen loss is a flag, `--dkd.beta 2`. */
export async function distillCommand(argv: readonly string[]): Promise<Command> {
  const chosen = await loadLosses(lossesIn(argv))
  const command = new Command('distill')
    .description('train a teacher, the student alone, and the student distilled by several losses')
    .option('--dataset <name>', 'glyphs (built in) or mnist', 'glyphs')
    .option('--data-dir <folder>', 'where the files of --dataset mnist are')
    .option(
      '--losses <list>',
      "comma-separated ids of 'kdgrad losses', sums such as ce + 0.9*kldiv + 0.8*crd, files with your own, or all",
      DEFAULT_LOSSES,
    )
    .option('--train-images <n>', 'images of the built-in set that the teacher sees', count, 3000)
    .option('--test-images <n>', 'images of the built-in set that all are judged on', count, 2000)
    .option('--labels <n>', 'labelled images the student gets (glyphs: 300; mnist: all)', count)
    .option('--epochs <n>', "the student's epochs (30 up to 500 images, then fewer)", count)
    .option('--batch <n>', "the student's batch size", count, 32)
    .option('--lr <rate>', "the student's learning rate, at the start of a cosine", positive, 0.005)
    .addOption(
      new Option('--optimizer <name>', "the student's optimiser").choices(['adam', 'sgd']).default('adam'),
    )
    .option('--teacher <model>', `the teacher: ${[...models.keys()].join(', ')}`, 't8-16')
    .option('--student <model>', 'the student, a model of the same list', 's4-8')
    .option('--teacher-epochs <n>', "the teacher's epochs (4)", count)
    .option('--teacher-batch <n>', "the teacher's batch size", count, 64)
    .option('--teacher-lr <rate>', "the teacher's learning rate", positive, 0.004)
    .option('--temperature <T>', 'temperature of every loss that has one', positive)
    .option('--weight <w>', 'weight of every distillation loss', anyNumber)
    .option('--ce-weight <w>', 'weight of the cross-entropy beside every distillation loss', anyNumber)
    .option('--warmup <epochs>', 'epochs over which the weight of every distillation loss grows', nonNegative)
    .option('--init-epochs <n>', 'epochs of every preliminary stage, 0 for none', whole)
    .option('--evaluate-every <n>', 'epochs between evaluations of the students', count)
    .option('--seed <n>', 'first seed', whole, 0)
    .option('--seeds <n>', 'how many seeds to run', count, 1)
    .option('--device <name>', "a device of 'kdgrad devices', or auto", 'auto')
    .option('--threads <n>', 'threads of the device cpu (default: one a core, at most 8)', count)
    .option('--out <folder>', 'folder of the run (default: the first free of runs/<dataset>-<n>)')
  const losses = new Set(chosen.flatMap(({ terms }) => terms.map(({ loss }) => loss)))
  for (const loss of losses) addLossOptions(command, loss)
  return command.action((flags: DistillFlags) => runDistill(flags, chosen))
}

/** The value of --losses, needed before the flags that depend on it can be declared. */
function lossesIn(argv: readonly string[]): string {
  if (argv[0] !== 'distill') return DEFAULT_LOSSES
  const at = argv.findIndex((arg) => arg === '--losses' || arg.startsWith('--losses='))
  if (at < 0) return DEFAULT_LOSSES
  const arg = argv[at]!
  return arg === '--losses' ? (argv[at + 1] ?? DEFAULT_LOSSES) : arg.slice('--losses='.length)
}
