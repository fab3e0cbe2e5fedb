import { DeviceError, OutOfMemoryError } from '../../errors.ts'
import { describeKernel, describeOutputs } from '../describe.ts'
import type { Device, HostData, Program } from '../device.ts'
import type { Kernel } from '../kernel.ts'
import { outputSizes } from '../outputs.ts'
import { type Handle, Runtime, type RuntimeOptions } from './runtime.ts'
import { type Call, type KernelOptions, scriptOf } from './script.ts'

export interface CpuOptions extends RuntimeOptions {
  /** False for convolutions without Winograd's transforms: slower, and a digit more accurate. */
  readonly winograd?: boolean
}

/** A block of the device's memory. */
interface Block {
  readonly at: number
  readonly bytes: number
  /** Elements. */
  readonly size: number
}

/**
 * The CPU by SIMD WebAssembly that is emitted for the kernels at hand, in float32.
 *
 * @throws DeviceError where the engine has no SIMD.
 */
export function openCpu({ winograd = true, ...options }: CpuOptions = {}): Device {
  const runtime = new Runtime(options)
  const { features, threads } = runtime
  const compiler = new Compiler(runtime, { threads, winograd })
  return {
    name: 'cpu',
    precision: 'float32',
    description: `SIMD WebAssembly${features.fma ? ' with fused multiply-add' : ''}, ${threads} thread${threads === 1 ? '' : 's'}`,
    manual: true,
    fusion: { inputs: 64, rich: true, recompute: 4096 },
    compile: (kernel) => compiler.program(kernel),
    upload: (data) => upload(runtime, data),
    read: (buffer) => {
      const { at, size } = buffer as Block
      return runtime.memory.f32.slice(at / 4, at / 4 + size)
    },
    release: (buffer) => release(runtime, buffer as Block),
    relieve: (now) => (now || runtime.memory.pressure.high ? runtime.memory.pressure.relieve() : undefined),
    close: () => runtime.close(),
  }
}

function allocate({ memory }: Runtime, size: number): Block {
  const bytes = 4 * size
  return { at: memory.allocate(bytes), bytes, size }
}

const release = ({ memory }: Runtime, { at, bytes }: Block): void => memory.free(at, bytes)

function upload(runtime: Runtime, data: HostData): Block {
  const block = allocate(runtime, data.length)
  runtime.memory.f32.set(data, block.at / 4)
  return block
}

/** A call whose routine the runtime knows. */
type Prepared = Call & { readonly handle: Handle }

class Compiler {
  readonly #runtime: Runtime
  readonly #options: KernelOptions
  readonly #programs = new Map<string, Program>()

  constructor(runtime: Runtime, options: KernelOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  program(kernel: Kernel): Program {
    const key = JSON.stringify(kernel)
    const known = this.#programs.get(key) ?? this.#compiled(kernel)
    this.#programs.set(key, known)
    return known
  }

  #compiled(kernel: Kernel): Program {
    const runtime = this.#runtime
    const sizes = outputSizes(kernel)
    if (sizes.every((n) => n === 0)) return () => sizes.map(() => allocate(runtime, 0))
    const { calls, temporaries } = scriptOf(kernel, this.#options)
    const prepared = calls.map((call): Prepared => ({ ...call, handle: runtime.define(call.stage.routine) }))
    return (buffers, scalars) => {
      const blocks = [...(buffers as Block[])]
      try {
        for (const size of sizes) blocks.push(allocate(runtime, size))
        for (const bytes of temporaries) blocks.push(allocate(runtime, bytes / 4))
        for (const { handle, stage, buffers: places, numbers } of prepared)
          runtime.run(
            handle,
            stage,
            places.map((place) => blocks[place]!.at),
            numbers.map((number) => scalars[number]!),
          )
      } catch (error) {
        for (const block of blocks.splice(buffers.length)) release(runtime, block)
        throw explained(error, kernel)
      }
      for (const block of blocks.splice(buffers.length + sizes.length)) release(runtime, block)
      return blocks.splice(buffers.length)
    }
  }
}

/** The error, with what the kernel was to make. */
function explained(error: unknown, kernel: Kernel): unknown {
  const wanted = `It was to make ${describeOutputs(kernel)} by ${describeKernel(kernel)}.`
  if (error instanceof OutOfMemoryError) return new OutOfMemoryError(`${error.message} ${wanted}`)
  if (error instanceof DeviceError) return new DeviceError(`${error.message} ${wanted}`)
  if (error instanceof WebAssembly.RuntimeError)
    return new DeviceError(`cpu: a routine failed, got ${error.message}. Report it. ${wanted}`, {
      cause: error,
    })
  return error
}
