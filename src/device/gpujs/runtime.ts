import { DeviceError, show } from '../../errors.ts'
import { openArrays } from './arrays.ts'
import { type Backend, type Limits, plainRunner, type Runner, type Value } from './backend.ts'
import { openBuffers } from './buffers.ts'
import type { GpuEntry, GpuJs, Shortcut } from './library.ts'
import { quietly } from './quietly.ts'
import { assertHeadlessGl, assertWebGl2, openTextures } from './textures.ts'

export type GpuMode = 'webasm' | 'cpu' | 'webgpu' | 'headlessgl' | 'webgl2'

/** A kernel as text: a `function (x0, x1, s0) { ... return v }` over this.thread.{x,y,z}. */
export interface KernelText {
  /** For messages: the kinds of operation it computes, e.g. 'matmul'. */
  readonly name: string
  /** Function expression source in the JavaScript subset gpu.js accepts. Array arguments first (flat), then scalars. */
  readonly source: string
  /** Output sizes, x innermost: [x], [x, y] or [x, y, z]. */
  readonly grid: readonly number[]
  /** How many of the arguments are arrays, how many are numbers. */
  readonly arrays: number
  readonly scalars: number
}

/** What lives on the device. Always flat: `size` numbers, x innermost. Belongs to the runtime that made it. */
export interface Handle {
  readonly size: number
}

export type Compiled = (arrays: readonly Handle[], scalars: readonly number[]) => Handle | Promise<Handle>

/** One mode of gpu.js, opened. */
export interface Runtime {
  readonly mode: GpuMode
  /** Adapter or engine name for `kdgrad devices`, e.g. 'google swiftshader (software)'. */
  readonly description: string
  /** True for software GL and WebGPU adapters. */
  readonly software: boolean
  /** webasm only: the speed patches are in force. */
  readonly patched: boolean
  readonly limits: Limits
  /** Cheap: built at the first call. Kernels of the same source and grid share one build. */
  compile(kernel: KernelText): Compiled
  upload(data: Float32Array): Handle | Promise<Handle>
  /** A copy the caller owns. */
  read(handle: Handle): Float32Array | Promise<Float32Array>
  release(handle: Handle): void
  close(): Promise<void>
}

/** Opens a mode, or throws a DeviceError: why it is absent and what to do. Never another mode than asked for. */
export async function openRuntime(mode: GpuMode): Promise<Runtime> {
  const backend = await openBackend(await loadGpuJs(), mode)
  const runtime = new GpuJsRuntime(mode, backend)
  try {
    await runtime.open()
  } catch (cause) {
    await runtime.close()
    throw cause
  }
  return runtime
}

async function openBackend(lib: GpuJs, mode: GpuMode): Promise<Backend> {
  switch (mode) {
    case 'cpu':
    case 'webasm':
      return openArrays(lib, mode)
    case 'webgpu':
      return openBuffers(lib, findGpuEntry)
    case 'headlessgl':
      await assertHeadlessGl(lib, () => importOptional('gl'))
      return openTextures(lib, mode)
    case 'webgl2':
      assertWebGl2(lib)
      return openTextures(lib, mode)
  }
}

async function loadGpuJs(): Promise<GpuJs> {
  const imported: unknown = await import('gpu.js')
  // Node shows the CommonJS exports as default too, a browser bundle shows them there only.
  const { default: exported } = imported as { default?: GpuJs }
  return exported ?? (imported as GpuJs)
}

/** The name is a variable so that neither bundlers nor the type checker insist on a package that may be absent. */
const importOptional = (name: string): Promise<unknown> => import(/* @vite-ignore */ name)

async function findGpuEntry(): Promise<GpuEntry> {
  const { navigator } = globalThis as { navigator?: { gpu?: GpuEntry } }
  if (navigator?.gpu) return navigator.gpu
  try {
    const { create } = (await importOptional('webgpu')) as { create(flags: string[]): GpuEntry }
    return create([])
  } catch (cause) {
    const reason = String((cause as Error).message).split('\n')[0]
    throw new DeviceError(
      `webgpu: there is no navigator.gpu and the package webgpu does not load, got "${reason}". ` +
        'In Node run npm install webgpu; in a browser use one with WebGPU.',
      { cause },
    )
  }
}

class Held implements Handle {
  readonly owner: object
  readonly size: number
  value: Value | null

  constructor(owner: object, size: number, value: Value) {
    this.owner = owner
    this.size = size
    this.value = value
  }
}

interface Cached {
  readonly shortcut: Shortcut
  run: Runner
  lastUse: number
  bytes: number
  /** Calls under way: an asynchronous build must not be destroyed under its feet. */
  calls: number
}

class GpuJsRuntime implements Runtime {
  readonly mode: GpuMode
  description = ''
  software = false
  limits: Limits = { maxSide1D: 4, maxSide: [4, 4, 4], maxArrays: 1 }
  readonly patched: boolean
  readonly #backend: Backend
  readonly #kernels = new Map<string, Cached>()
  #bytes = 0
  #clock = 0
  #closed = false

  constructor(mode: GpuMode, backend: Backend) {
    this.mode = mode
    this.patched = backend.patched
    this.#backend = backend
  }

  /** Runs one kernel before anybody relies on the mode, and learns from the live context what it can do. */
  async open(): Promise<void> {
    const input = await this.upload(Float32Array.of(1, -2, 3, 0.5))
    const source = 'function (a, s) { return a[this.thread.x] * s; }'
    const result = await this.compile({ name: 'probe', source, grid: [4], arrays: 1, scalars: 1 })([input], [3])
    const numbers = await this.read(result)
    if (numbers.join() !== '3,-6,9,1.5') {
      throw new DeviceError(`${this.mode}: a first multiplication came out wrong, got ${show([...numbers])}. Update the driver.`)
    }
    this.release(input)
    this.release(result)
    this.limits = this.#backend.limits()
    Object.assign(this, this.#backend.describe())
  }

  compile(text: KernelText): Compiled {
    this.#assertFits(text)
    const key = `${text.grid.join('x')} ${text.source}`
    const size = text.grid.reduce((product, side) => product * side, 1)
    return (arrays, scalars) => {
      if (arrays.length !== text.arrays || scalars.length !== text.scalars) {
        throw this.#error(text, `${arrays.length} arrays and ${scalars.length} numbers`, 'is called with the wrong arguments')
      }
      const values = arrays.map((handle) => this.#valueOf(handle, text.name))
      return this.#call(key, text, size, values, scalars)
    }
  }

  upload(data: Float32Array): Handle | Promise<Handle> {
    this.#assertOpen()
    if (data.length === 0 || data.length > this.limits.maxSide1D) {
      throw new DeviceError(`${this.mode}: cannot hold an array of this length, got ${data.length}. `
        + `Use 1 to ${this.limits.maxSide1D} numbers.`)
    }
    const value = this.#backend.upload(data)
    if (value) return new Held(this, data.length, value)
    const text: KernelText = { ...UPLOAD, grid: [data.length] }
    return this.#call(`upload ${data.length}`, text, data.length, [data], [])
  }

  read(handle: Handle): Float32Array | Promise<Float32Array> {
    return this.#backend.read(this.#valueOf(handle, 'read'), handle.size)
  }

  release(handle: Handle): void {
    if (!(handle instanceof Held) || !handle.value || this.#closed) return
    this.#backend.release(handle.value)
    handle.value = null
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#kernels.clear()
    await this.#backend.close()
  }

  #call(
    key: string,
    text: KernelText,
    size: number,
    values: readonly Value[],
    scalars: readonly number[],
  ): Handle | Promise<Handle> {
    const kernel = this.#kernels.get(key) ?? this.#create(key, text, size)
    kernel.lastUse = ++this.#clock
    const result = kernel.run(values, scalars)
    if (!(result instanceof Promise)) return new Held(this, size, result)
    kernel.calls++
    return result
      .then((value) => new Held(this, size, value))
      .finally(() => {
        kernel.calls--
      })
  }

  #create(key: string, text: KernelText, size: number): Cached {
    const shortcut = this.#backend.create(text.source, {
      ...SETTINGS,
      output: [...text.grid],
    })
    const cached: Cached = { shortcut, run: () => [] as never, lastUse: 0, bytes: 0, calls: 0 }
    cached.run = this.#firstRun(key, text, size, cached)
    this.#kernels.set(key, cached)
    this.#evict()
    return cached
  }

  /** Builds the kernel, makes sure that it ran where it should, and from then on gets out of the way. */
  #firstRun(key: string, text: KernelText, size: number, cached: Cached): Runner {
    const { shortcut } = cached
    const fail = (cause: unknown, said: string): never => {
      if (this.#kernels.get(key) === cached) this.#kernels.delete(key)
      const reason = [cause instanceof Error ? cause.message : String(cause), said].filter(Boolean).join('; ')
      throw this.#error(text, `"${reason}"`, 'cannot be run', cause)
    }
    const settle = (value: Value): Value => {
      const { kernel } = shortcut
      if (kernel.constructor !== this.#backend.kernelClass) {
        fail(new Error(`it ran in the mode ${kernel.constructor.mode} instead, for ${kernel.fallbackReason}`), '')
      }
      this.#backend.verify(kernel)
      return value
    }
    const run = plainRunner(this.#backend, shortcut, size)
    ...
  }
}
