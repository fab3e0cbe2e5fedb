import { fileURLToPath } from 'node:url'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { tableText } from '../../src/cli/table.ts'
import { describeAdapter, findAdapter } from '../../src/device/gpujs/adapter.ts'
import { device as choose } from '../../src/index.ts'
import { type Definition, workOf } from '../definition.ts'
import { COUNTED, callsEach, callsSoFar, watchCalls } from '../gpu-calls.ts'
import { largeProducts } from '../matmul.bench.ts'
import { machine } from '../results.ts'
import { askedOf, type Comparing, commandOf, compareAll, type Flags, sharedWorks } from './command.ts'
import { kdgrad } from './participants.ts'

// npm run bench:gpu

const FILE = fileURLToPath(new URL('../results/gpu.json', import.meta.url))

const comparing: Comparing = {
  name: 'bench:gpu',
  description:
    'times kdgrad and its peers on the GPU in turn, each result checked first; counts WebGPU calls',
  place: 'gpu',
  works: [...sharedWorks, ...largeProducts.map((definition) => ({ suite: 'matmul', definition }))],
  usual: ['matmul 512', 'matmul 1024', ...largeProducts.map(({ name }) => name), 'conv2d', 'losses', 'step'],
}

async function run({ software: timed = false, ...flags }: Flags & { readonly software?: boolean }) {
  const asked = askedOf(comparing, flags)
  const { description, software } = describeAdapter((await findAdapter()).adapter)
  if (software)
    console.log(
      `${description} is no GPU: times on it say nothing about one${timed ? '' : ', so none are taken without --software'}.`,
    )
  if (timed || !software)
    await compareAll(asked, kdgrad('webgpu'), comparing.place, `${description}; ${machine}`, FILE)
  // Single products and convolutions would take a software adapter many minutes.
  await printCounts(asked.definitions.filter(({ flops }) => flops === undefined))
}

const WARM_UP = 3
const RUNS = 5

/** What a run asks of WebGPU once its kernels are built. */
async function printCounts(definitions: readonly Definition[]): Promise<void> {
  if (definitions.length === 0) return
  await watchCalls()
  await choose('webgpu')
  const rows: string[][] = []
  for (const definition of definitions) {
    const run = workOf(definition).prepare()
    for (let i = 0; i < WARM_UP; i++) await run()
    const before = callsSoFar()
    for (let i = 0; i < RUNS; i++) await run()
    rows.push([definition.name, ...callsEach(before, RUNS)])
  }
  console.log(tableText(['kdgrad, per run', ...COUNTED], rows))
}

const command = commandOf(comparing)
  .option('--software', 'times on a software adapter too, to try the command out')
  .action(run)
process.exit(await exitCodeOf(() => command.parseAsync()))
