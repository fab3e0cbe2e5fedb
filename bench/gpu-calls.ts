import { Live, watchBuffers } from '../test/support/live-objects.ts'
import { type Watched, watch } from '../test/support/watch-calls.ts'
import { classesOfWebGpu } from '../test/support/webgpu.ts'

// What kdgrad asks of WebGPU in Node, counted at the API itself. Numbers of calls, so that any adapter will do, a
// software one too.

type Globals = Readonly<Record<'GPUDevice' | 'GPUQueue' | 'GPUBuffer' | 'GPUComputePassEncoder', Watched>>

const counts = {
  kernels: 0,
  submissions: 0,
  writes: 0,
  'bytes written': 0,
  'read-backs': 0,
  'bytes read': 0,
  'buffers made': 0,
}

export type Counts = Readonly<typeof counts>

export const COUNTED = Object.keys(counts) as (keyof Counts)[]

let buffers = new Live()

/** Counts from now on. */
export async function watchCalls(): Promise<void> {
  const classes = (await classesOfWebGpu()) as Globals
  buffers = watchBuffers(classes)
  watch(classes.GPUDevice, 'createBuffer', () => counts['buffers made']++)
  watch(classes.GPUBuffer, 'mapAsync', (self) => {
    counts['read-backs']++
    counts['bytes read'] += buffers.bytesOf(self)
  })
  watch(classes.GPUComputePassEncoder, 'dispatchWorkgroups', () => counts.kernels++)
  watch(classes.GPUQueue, 'submit', () => counts.submissions++)
  watch(classes.GPUQueue, 'writeBuffer', (_, [, , data]) => {
    counts.writes++
    counts['bytes written'] += (data as ArrayBufferView).byteLength
  })
}

/** All calls so far. */
export const callsSoFar = (): Counts => ({ ...counts })

/** The calls since then, of each of as many runs, in the order of `COUNTED`. */
export const callsEach = (since: Counts, runs: number): string[] =>
  COUNTED.map((name) => `${Number(((counts[name] - since[name]) / runs).toFixed(2))}`)

/** The buffers that live, and their bytes. */
export const liveBuffers = (): Pick<Live, 'count' | 'bytes'> => buffers
