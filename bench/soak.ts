import { Command } from 'commander'
import { count } from '../src/cli/numbers.ts'
import { oneOf } from '../src/cli/suggest.ts'
import { tableText } from '../src/cli/table.ts'
import { deviceNames } from '../src/device/open.ts'
import { device as choose, tensor } from '../src/index.ts'
import { kldiv } from '../src/losses/index.ts'
import { Student } from '../src/nn/models/index.ts'
import { Adam } from '../src/optim/index.ts'
import { Random } from '../src/random.ts'
import { BOUNDS, FEWEST, growths, MEASURES, type Memory, mebibytes, sampleMemory, verdict } from './memory.ts'
import { runWithCollector } from './with-collector.ts'

const BATCH = 32
const PIXELS = 28 * 28
const CLASSES = 10
/** Memory is looked at every 500 steps, and in short runs often enough for a verdict. */
const EVERY = 500

/**
 * Trains S4-8 (batch normalisation, Adam) by KLDiv against fixed teacher logits, with new tensors for every batch and
 * no dispose anywhere, and tells `observe` how much memory is in use.
 */
async function soak(steps: number, observe: (memory: Memory, loss: number) => void): Promise<void> {
  const random = new Random(1)
  const pool = 20 * BATCH
  const images = Float32Array.from(random.uniforms(pool * PIXELS))
  const teacher = Float32Array.from(random.normals(pool * CLASSES, 0, 2.3))
  const net = new Student({ seed: 1 })
  const optimizer = new Adam(net.parameters(), { lr: 1e-3 })
  const every = Math.min(EVERY, Math.max(1, Math.floor(steps / (2 * FEWEST))))
  for (let step = 1; step <= steps; step++) {
    const first = random.integer(pool - BATCH)
    const rows = (values: Float32Array, width: number) =>
      values.subarray(first * width, (first + BATCH) * width)
    const x = tensor(rows(images, PIXELS), [BATCH, 1, 28, 28])
    const logits = tensor(rows(teacher, CLASSES), [BATCH, CLASSES])
    const loss = kldiv({ student: net.forward(x), teacher: { logits } })
    await optimizer.step(loss)
    if (step % every === 0) observe(await sampleMemory(step), await loss.item())
  }
}

async function run({ steps, device }: { steps: number; device: string }): Promise<void> {
  oneOf('device', device, ['auto', ...deviceNames])
  const { name } = await choose(device)
  const collected = globalThis.gc ? 'after a collection' : 'without collections'
  console.log(`${steps} steps of S4-8, batch ${BATCH}, on ${name}; MiB in use ${collected}`)
  const samples: Memory[] = []
  const start = performance.now()
  const cell = (text: string) => text.padStart(13)
  console.log([cell('step'), ...MEASURES.map(cell), cell('loss'), cell('seconds')].join(''))
  await soak(steps, (memory, loss) => {
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
