import { Command } from 'commander'
import { count } from '../src/cli/numbers.ts'
import { oneOf } from '../src/cli/suggest.ts'
import { tableText } from '../src/cli/table.ts'
import { deviceNames } from '../src/device/open.ts'
import { device as choose } from '../src/index.ts'
import { BOUNDS, FEWEST, growths, MEASURES, type Memory, mebibytes, sampleMemory, verdict } from './memory.ts'
import { trainLong } from './soak-training.ts'
import { runWithCollector } from './with-collector.ts'

const BATCH = 32
/** Memory is looked at every 500 steps, and in short runs often enough for a verdict. */
const EVERY = 500

async function run({ steps, device }: { steps: number; device: string }): Promise<void> {
  oneOf('device', device, ['auto', ...deviceNames])
  const { name } = await choose(device)
  const collected = globalThis.gc ? 'after a collection' : 'without collections'
  console.log(`${steps} steps of S4-8, batch ${BATCH}, on ${name}; MiB in use ${collected}`)
  const samples: Memory[] = []
  const start = performance.now()
  const cell = (text: string) => text.padStart(13)
  console.log([cell('step'), ...MEASURES.map(cell), cell('loss'), cell('seconds')].join(''))
  const every = Math.min(EVERY, Math.max(1, Math.floor(steps / (2 * FEWEST))))
  await trainLong(steps, BATCH, every, async (step, loss) => {
    const memory = await sampleMemory(step)
    samples.push(memory)
    const seconds = (performance.now() - start) / 1000
    console.log(
      [
        cell(`${memory.step}`),
        ...MEASURES.map((measure) => cell(mebibytes(memory[measure]))),
        cell(loss.toFixed(4)),
        cell(seconds.toFixed(1)),
      ].join(''),
    )
  })
  const rows = growths(samples).map(({ measure, from, to }) => [
    measure,
    mebibytes(from),
    mebibytes(to),
    mebibytes(to - from),
    mebibytes(BOUNDS[measure]),
  ])
  console.log(tableText(['after the warm-up third', 'earlier half', 'later half', 'growth', 'allowed'], rows))
  const fault = verdict(samples)
  if (fault) console.error(fault)
  else console.log('Memory is flat.')
  process.exitCode = fault ? 1 : 0
}

await runWithCollector(
  new Command('soak')
    .description('trains a small model for long and fails (exit code 1) if memory grows')
    .option('--steps <n>', 'training steps', count, 10_000)
    .option('--device <name>', `auto, ${deviceNames.join(', ')}`, 'auto')
    .action(run),
)
