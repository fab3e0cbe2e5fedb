import { Command } from 'commander'
import { count } from '../src/cli/numbers.ts'
import { tableText } from '../src/cli/table.ts'
import { device as choose } from '../src/index.ts'
import { COUNTED, callsEach, callsSoFar, liveBuffers, watchCalls } from './gpu-calls.ts'
import { mebibytes, sampleMemory } from './memory.ts'
import { step as suite } from './step.bench.ts'
import type { Work } from './support.ts'
import { runWithCollector } from './with-collector.ts'

// What a training step asks of WebGPU: kernels, submissions, bytes written, read-backs, and the buffers that live.

const WARM_UP = 20
/** Memory is looked at this many times. */
const LOOKS = 10

async function countSteps(work: Work, steps: number): Promise<void> {
  const run = work.prepare()
  for (let i = 0; i < WARM_UP; i++) await run()
  const rows: string[][] = []
  const before = callsSoFar()
  const every = Math.max(1, Math.floor(steps / LOOKS))
  for (let step = 1; step <= steps; step++) {
    await run()
    if (step % every !== 0) continue
    const { rss, heapUsed } = await sampleMemory(step)
    const live = liveBuffers()
    rows.push([`${step}`, `${live.count}`, mebibytes(live.bytes), mebibytes(rss), mebibytes(heapUsed)])
  }
  console.log(`\n${work.name}: per step`)
  console.log(tableText(COUNTED, [callsEach(before, steps)]))
  console.log(tableText(['step', 'buffers alive', 'MiB of them', 'MiB rss', 'MiB heap'], rows))
}

async function run(filter: string | undefined, { steps }: { steps: number }): Promise<void> {
  await watchCalls()
  const { description } = await choose('webgpu')
  console.log(`${steps} steps on webgpu: ${description}`)
  for (const work of suite.works) if (work.name.includes(filter ?? '')) await countSteps(work, steps)
}

await runWithCollector(
  new Command('gpu-counts')
    .description('counts what training steps ask of WebGPU, and the buffers that live')
    .argument('[filter]', 'only steps with this in their name')
    .option('--steps <n>', 'training steps', count, 100)
    .action(run),
)
