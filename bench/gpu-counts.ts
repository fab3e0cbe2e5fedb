import { Command } from 'commander'
import { count } from '../src/cli/numbers.ts'
import { tableText } from '../src/cli/table.ts'
import { device as choose } from '../src/index.ts'
import { type Watched, watch } from '../test/support/watch-calls.ts'
import { mebibytes, sampleMemory } from './memory.ts'
import { step as suite } from './step.bench.ts'
import type { Work } from './support.ts'
import { runWithCollector } from './with-collector.ts'

// What a training step asks of WebGPU, counted at the API itself: kernels, submissions, bytes written, read-backs, and the
// buffers that live. Numbers of calls, so that any adapter will do, a software one too.

type Globals = Readonly<Record<'GPUDevice' | 'GPUQueue' | 'GPUBuffer' | 'GPUComputePassEncoder', Watched>>

const counts = { kernels: 0, submissions: 0, writes: 0, bytes: 0, reads: 0, made: 0 }
const live = new Map<object, number>()

function watchAll({ GPUDevice, GPUQueue, GPUBuffer, GPUComputePassEncoder }: Globals): void {
  watch(GPUDevice, 'createBuffer', (_, [settings], made) => {
    counts.made++
    // Held on to: a buffer that is collected and was never destroyed is what is looked for.
    live.set(made as object, (settings as { size: number }).size)
  })
  watch(GPUBuffer, 'destroy', (self) => live.delete(self))
  watch(GPUBuffer, 'mapAsync', () => counts.reads++)
  watch(GPUComputePassEncoder, 'dispatchWorkgroups', () => counts.kernels++)
  watch(GPUQueue, 'submit', () => counts.submissions++)
  watch(GPUQueue, 'writeBuffer', (_, [, , data]) => {
    counts.writes++
    counts.bytes += (data as ArrayBufferView).byteLength
  })
}

const WARM_UP = 20
/** Memory is looked at this many times. */
const LOOKS = 10

async function countSteps(work: Work, steps: number): Promise<void> {
  const run = work.prepare()
  for (let i = 0; i < WARM_UP; i++) await run()
  const rows: string[][] = []
  const before = { ...counts }
  const every = Math.max(1, Math.floor(steps / LOOKS))
  for (let step = 1; step <= steps; step++) {
    await run()
    if (step % every !== 0) continue
    const { rss, heapUsed } = await sampleMemory(step)
    const bytes = [...live.values()].reduce((a, b) => a + b, 0)
    rows.push([`${step}`, `${live.size}`, mebibytes(bytes), mebibytes(rss), mebibytes(heapUsed)])
  }
  const each = (name: keyof typeof counts) => ((counts[name] - before[name]) / steps).toFixed(2)
  console.log(`\n${work.name}: per step`)
  console.log(
    tableText(
      ['kernels', 'submissions', 'writes', 'bytes written', 'read-backs', 'buffers made'],
      [(['kernels', 'submissions', 'writes', 'bytes', 'reads', 'made'] as const).map(each)],
    ),
  )
  console.log(tableText(['step', 'buffers alive', 'MiB of them', 'MiB rss', 'MiB heap'], rows))
}

async function run(filter: string | undefined, { steps }: { steps: number }): Promise<void> {
  const name = 'webgpu'
  watchAll(((await import(name)) as { globals: Globals }).globals)
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
