import { type Watched, watch } from '../test/support/watch-calls.ts'

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

const live = new Map<object, number>()

/** Counts from now on. */
export async function watchCalls(): Promise<void> {
  // A variable, so that the type checker does not insist on a package that may be absent.
  const name = 'webgpu'
  const { globals } = (await import(name)) as { globals: Globals }
  const { GPUDevice, GPUQueue, GPUBuffer, GPUComputePassEncoder } = globals
  watch(GPUDevice, 'createBuffer', (_, [settings], made) => {
    counts['buffers made']++
    // Held on to: a buffer that is collected and was never destroyed is what is looked for.
    live.set(made as object, (settings as { size: number }).size)
  })
  watch(GPUBuffer, 'destroy', (self) => live.delete(self))
  watch(GPUBuffer, 'mapAsync', (self) => {
    counts['read-backs']++
    counts['bytes read'] += live.get(self)!
  })
  watch(GPUComputePassEncoder, 'dispatchWorkgroups', () => counts.kernels++)
  watch(GPUQueue, 'submit', () => counts.submissions++)
  watch(GPUQueue, 'writeBuffer', (_, [, , data]) => {
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
export const liveBuffers = (): { readonly count: number; readonly bytes: number } => ({
  count: live.size,
  bytes: [...live.values()].reduce((a, b) => a + b, 0),
})
