import { describeKernel, describeOutputs } from '../device/describe.ts'
import type { Kernel } from '../device/kernel.ts'
import { outputSizes } from '../device/outputs.ts'
import { sizeOf } from '../shape.ts'
import type { Plan } from './compile/plan.ts'

/** One kernel of a realize. */
export interface TracedKernel {
  /** What it does: `conv2d forward`, `fused 12 maps, 3 reductions`. */
  readonly kernel: string
  /** What it makes: `[64, 10] + [64, 1]`. */
  readonly outputs: string
  /** Bytes that it reads and writes, each once. */
  readonly bytes: number
  /** What it took; on devices that only queue their work, the queueing. */
  readonly milliseconds: number
}

export interface Trace {
  readonly device: string
  /** Whether the plan was found ready, which then cost nothing but its lookup. */
  readonly cached: boolean
  /** Milliseconds before the first kernel: graph walk, plan (and compilation, where it is new), uploads. */
  readonly planning: number
  readonly kernels: readonly TracedKernel[]
}

export type TraceSink = (trace: Trace) => void

const wanted = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env
  .KDGRAD_TRACE
let current: TraceSink | null = wanted && wanted !== '0' ? printTrace : null

/**
 * Hands the kernels of every realize from now on to `sink`: what a loss costs, kernel by kernel. Null ends it. With
 * `KDGRAD_TRACE=1` in the environment they are printed from the start.
 */
export function onTrace(sink: TraceSink | null): void {
  current = sink
}

export const traceSink = (): TraceSink | null => current

/** The trace of a realize whose kernels took these times. */
export const traceOf = (
  device: string,
  { steps }: Plan,
  cached: boolean,
  planning: number,
  times: readonly number[],
): Trace => ({
  device,
  cached,
  planning,
  kernels: steps.map(({ kernel }, i) => ({
    kernel: describeKernel(kernel),
    outputs: describeOutputs(kernel),
    bytes: bytesOf(kernel),
    milliseconds: times[i]!,
  })),
})

function bytesOf(kernel: Kernel): number {
  const read = kernel.inputs.reduce((sum, view) => {
    if (!view) return sum
    return sum + sizeOf(view.shape.filter((_, d) => view.strides[d] !== 0))
  }, 0)
  return 4 * (read + outputSizes(kernel).reduce((sum, n) => sum + n, 0))
}

/** A trace as a table, to the error output. */
export function printTrace({ device, cached, planning, kernels }: Trace): void {
  const total = kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const rows = kernels.map(({ kernel, outputs, bytes, milliseconds }) => [
    kernel,
    outputs,
    `${(bytes / 1024).toFixed(1)} KiB`,
    `${milliseconds.toFixed(3)} ms`,
  ])
  const widths = [0, 1, 2, 3].map((c) => Math.max(0, ...rows.map((row) => row[c]!.length)))
  const line = (row: readonly string[]) =>
    row.map((cell, c) => (c < 2 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  ')
  const plan = cached ? 'plan found' : 'plan made'
  console.error(
    [
      `${device}: ${kernels.length} kernels in ${total.toFixed(3)} ms, ${plan} in ${planning.toFixed(3)} ms`,
      ...rows.map((row) => `  ${line(row)}`),
    ].join('\n'),
  )
}
