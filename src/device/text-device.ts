import { sizeOf } from '../shape.ts'
import type { DeviceBuffer, Program } from './device.ts'
import type { Kernel } from './kernel.ts'
import type { Limits } from './text/grid.ts'
import { print } from './text/print.ts'
import type { Source, TextStep } from './text/text.ts'

/** How a device that runs printed text makes its programs. */
export interface TextDevice {
  readonly limits: Limits
  build(step: TextStep): StepProgram
  empty(): DeviceBuffer | Promise<DeviceBuffer>
  release(buffer: DeviceBuffer): void
}

/** Runs one step, which makes one buffer. */
export type StepProgram = (
  buffers: readonly DeviceBuffer[],
  scalars: readonly number[],
) => DeviceBuffer | Promise<DeviceBuffer>

/** Compiles kernels through their printed text; equal kernels share a program. */
export function textCompiler(device: TextDevice): (kernel: Kernel) => Program {
  const programs = new Map<string, Program>()
  return (kernel) => {
    const key = JSON.stringify(kernel)
    let program = programs.get(key)
    if (!program) {
      program = single(sizeOf(kernel.out) === 0 ? () => device.empty() : programOf(kernel, device))
      programs.set(key, program)
    }
    return program
  }
}

const single =
  (step: StepProgram): Program =>
  (buffers, scalars) => {
    const made = step(buffers, scalars)
    return made instanceof Promise ? made.then((buffer) => [buffer]) : [made]
  }

function programOf(kernel: Kernel, device: TextDevice): StepProgram {
  const steps = print(kernel, device.limits)
  const runs = steps.map((step) => device.build(step))
  const pick = (source: Source, buffers: readonly DeviceBuffer[], made: readonly DeviceBuffer[]) =>
    'input' in source ? buffers[source.input]! : made[source.step]!
  if (steps.length === 1) {
    const [only] = steps
    const inOrder = only!.arrays.every((source, i) => 'input' in source && source.input === i)
    if (inOrder) return runs[0]!
  }
  return (buffers, scalars) => {
    const made: DeviceBuffer[] = []
    const from = (i: number): DeviceBuffer | Promise<DeviceBuffer> => {
      for (let k = i; k < runs.length; k++) {
        const result = runs[k]!(
          steps[k]!.arrays.map((source) => pick(source, buffers, made)),
          scalars,
        )
        if (result instanceof Promise)
          return result.then((value) => {
            made.push(value)
            return from(k + 1)
          })
        made.push(result)
      }
      const last = made.pop()!
      for (const buffer of made) device.release(buffer)
      return last
    }
    return from(0)
  }
}
