import { DeviceError, show } from '../../errors.ts'
import { importOptional } from './adapter.ts'
import { openArrays } from './arrays.ts'
import type { Backend, Limits, Runner, Value } from './backend.ts'
import { openBuffers } from './buffers.ts'
import type { BuiltKernel, GpuJs, Shortcut } from './library.ts'
import { quietly } from './quietly.ts'
import { assertHeadlessGl, assertWebGl2, openTextures } from './textures.ts'

export type { Limits } from './backend.ts'

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
  /** True where what it ran on is gone for good, and all values with it. */
  readonly lost: boolean
  /** Cheap: built at the first call. Kernels of the same source and grid share one build. */
  compile(kernel: KernelText): Compiled
  upload(data: Float32Array): Handle | Promise<Handle>
  /** A copy the caller owns. */
  read(handle: Handle): Float32Array | Promise<Float32Array>
  release(handle: Handle): void
  /** Where the device is far behind, or holds what may be garbage: waits until it has caught up, or has it collected. */
  relieve(): Promise<void> | undefined
  close(): Promise<void>
}

/**
 * Opens a mode, or throws a DeviceError: why it is absent and what to do. Never another mode than asked for. `name` is
 * what messages call it.
 */
export async function openRuntime(mode: GpuMode, name: string = mode): Promise<Runtime> {
  const backend = await openBackend(await loadGpuJs(), mode)
  const runtime = new GpuJsRuntime(mode, name, backend)
  try {
    await runtime.probe()
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
      return openBuffers(lib)
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

/** One gpu.js kernel, shared by everything that has the same source and grid. */
interface Cached {
  readonly shortcut: Shortcut
  run: Runner
  lastUse: number
  bytes: number
  /** Calls under way: an asynchronous build must not be destroyed under its feet. */
  calls: number
}

const SETTINGS = {
  precision: 'single',
  // Left to itself it infers an integer for `return 0`, which webgl2 then cannot store.
  returnType: 'Number',
  // A loop that gpu.js cannot see the end of is cut at this count, without a word.
  loopMaxIterations: 2 ** 30,
  // Its own answer to a kernel that it cannot translate is a warning and the cpu mode.
  onRequestFallback(this: BuiltKernel): never {
    throw new Error(`gpu.js would run it in the mode cpu: ${this.fallbackReason}`)
  },
  onRequestSwitchKernel(): never {
    throw new Error('its arguments changed their type between calls')
  },
}

/** Puts an array into a texture. No generated source may equal this one: its argument is not a handle. */
const UPLOAD = {
  name: 'upload',
  source: 'function (uploaded) { return uploaded[this.thread.x]; }',
  arrays: 1,
  scalars: 0,
}

const PROBE = {
  name: 'probe',
  source: 'function (a, s) { return a[this.thread.x] * s; }',
  arrays: 1,
  scalars: 1,
}

class GpuJsRuntime implements Runtime {
  readonly mode: GpuMode
  readonly patched: boolean
  description = ''
  software = false
  /** Until the probe has run, only the probe fits. */
  limits: Limits = { maxSide1D: 4, maxSide: [4, 4, 4], maxArrays: 1 }
  readonly #name: string
  readonly #backend: Backend
  readonly #kernels = new Map<string, Cached>()
  #bytes = 0
  #clock = 0
  #closed = false

  constructor(mode: GpuMode, name: string, backend: Backend) {
    this.mode = mode
    this.#name = name
    this.patched = backend.patched
    this.#backend = backend
  }

  /** Runs one kernel before anybody relies on the mode, and learns from the live context what it can do. */
  async probe(): Promise<void> {
    const input = await this.upload(Float32Array.of(1, -2, 3, 0.5))
    const output = await this.compile({ ...PROBE, grid: [4] })([input], [3])
    const numbers = [...(await this.read(output))]
    if (numbers.join() !== '3,-6,9,1.5') {
      throw new DeviceError(
        `${this.#name}: its first multiplication came out wrong, got ${show(numbers)} for [3, -6, 9, 1.5]. ` +
          'Use another device, or update the driver.',
      )
    }
    this.release(input)
    this.release(output)
    const { description, software } = this.#backend.describe()
    this.description = description
    this.software = software
    this.limits = this.#backend.limits()
  }

  compile(text: KernelText): Compiled {
    this.#assertFits(text)
    const key = `${text.grid.join('x')} ${text.source}`
    return (arrays, scalars) => {
      if (arrays.length !== text.arrays || scalars.length !== text.scalars) {
        throw this.#fault(
          text,
          'is called wrongly',
          `${arrays.length} arrays and ${scalars.length} numbers`,
          `Pass ${text.arrays} arrays and ${text.scalars} numbers`,
        )
      }
      const values = new Array<Value>(arrays.length)
      for (let i = 0; i < arrays.length; i++) values[i] = this.#valueOf(arrays[i])
      return this.#call(key, text, values, scalars)
    }
  }

  upload(data: Float32Array): Handle | Promise<Handle> {
    if (data.length < 1 || data.length > this.limits.maxSide1D) {
      throw new DeviceError(
        `${this.#name}: cannot hold an array of this length, got ${data.length}. ` +
          `Keep between 1 and ${this.limits.maxSide1D} numbers.`,
      )
    }
    this.#assertUsable()
    const value = this.#backend.upload(data)
    if (value) return new Held(this, data.length, value)
    const text: KernelText = { ...UPLOAD, grid: [data.length] }
    return this.#call(`${data.length} ${text.source}`, text, [data], [])
  }

  read(handle: Handle): Float32Array | Promise<Float32Array> {
    const value = this.#valueOf(handle)
    this.#assertThere()
    return this.#orLost(() => this.#backend.read(value, handle.size))
  }

  get lost(): boolean {
    return this.#backend.lost() !== null
  }

  release(handle: Handle): void {
    if (!(handle instanceof Held) || !handle.value || this.#closed) return
    this.#backend.release(handle.value)
    handle.value = null
  }

  relieve(): Promise<void> | undefined {
    return this.#backend.relieve?.()
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
    values: readonly Value[],
    scalars: readonly number[],
  ): Handle | Promise<Handle> {
    this.#assertUsable()
    const kernel = this.#kernels.get(key) ?? this.#create(key, text)
    kernel.lastUse = ++this.#clock
    const size = product(text.grid)
    const result = this.#orLost(() => kernel.run(values, scalars))
    if (!(result instanceof Promise)) return new Held(this, size, result)
    kernel.calls++
    const held = result.then((value) => new Held(this, size, value))
    return held.finally(() => {
      kernel.calls--
    })
  }

  #create(key: string, text: KernelText): Cached {
    const shortcut = this.#backend.create(text.source, { ...SETTINGS, output: [...text.grid] })
    const kernel: Cached = {
      shortcut,
      run: this.#firstRun(key, text, shortcut),
      lastUse: 0,
      bytes: 0,
      calls: 0,
    }
    this.#kernels.set(key, kernel)
    return kernel
  }

  /** Builds the kernel, makes sure that it ran where it should, and from then on gets out of the way. */
  #firstRun(key: string, text: KernelText, shortcut: Shortcut): Runner {
    const size = product(text.grid)
    const said: string[] = []
    const run = this.#backend.firstRunner(shortcut, size)
    const accept = (value: Value): Value => {
      const { kernel } = shortcut
      if (kernel.constructor !== this.#backend.kernelClass) {
        throw new Error(`it ran in the mode ${kernel.constructor.mode} instead: ${kernel.fallbackReason}`)
      }
      this.#backend.verify(kernel)
      const cached = this.#kernels.get(key)
      if (cached?.shortcut === shortcut) {
        cached.run = this.#backend.runner(shortcut, size)
        cached.bytes = this.#backend.bytes(kernel)
        this.#bytes += cached.bytes
        this.#evict()
      }
      return value
    }
    const refuse = (cause: unknown): never => {
      this.#kernels.delete(key)
      const reason = [cause instanceof Error ? cause.message : String(cause), ...said].join('; ')
      throw this.#fault(text, 'cannot be run', `"${brief(reason)}"`, 'Use another device', cause)
    }
    return (values, scalars) => {
      try {
        const value = quietly(() => run(values, scalars), said)
        return value instanceof Promise ? value.then(accept).catch(refuse) : accept(value)
      } catch (cause) {
        return refuse(cause)
      }
    }
  }

  /** Destroys the kernels that have gone longest without a call, while there are too many. */
  #evict(): void {
    const { maxKernels, maxBytes } = this.#backend
    while (this.#kernels.size > 1 && (this.#kernels.size > maxKernels || this.#bytes > maxBytes)) {
      let oldest: [string, Cached] | null = null
      for (const entry of this.#kernels) {
        if (entry[1].calls === 0 && entry[1].lastUse < (oldest?.[1].lastUse ?? this.#clock)) oldest = entry
      }
      if (!oldest) return
      const [key, { shortcut, bytes }] = oldest
      this.#kernels.delete(key)
      this.#bytes -= bytes
      this.#backend.evict(shortcut.kernel)
    }
  }

  #valueOf(handle: Handle | undefined): Value {
    if (handle instanceof Held && handle.owner === this && handle.value) return handle.value
    const got = handle instanceof Held && handle.owner === this ? 'a released one' : 'one of another device'
    throw new DeviceError(`${this.#name}: a handle cannot be used, got ${got}. Upload the array again.`)
  }

  #assertUsable(): void {
    if (this.#closed) throw new DeviceError(`${this.#name}: the device is closed. Open it again.`)
    this.#assertThere()
  }

  /** What goes wrong while the device is lost goes wrong for that. */
  #orLost<T>(act: () => T | Promise<T>): T | Promise<T> {
    const explain = (cause: unknown): never => {
      this.#assertThere()
      throw cause
    }
    try {
      const result = act()
      return result instanceof Promise ? result.catch(explain) : result
    } catch (cause) {
      return explain(cause)
    }
  }

  #assertThere(): void {
    const why = this.#backend.lost()
    if (why === null) return
    throw new DeviceError(
      `${this.#name}: the device was lost, and with it the values that were only there, got "${why}". ` +
        'Upload them again, or go on from a checkpoint: the next use opens the device anew.',
    )
  }

  #assertFits(text: KernelText): void {
    const { maxSide1D, maxSide, maxArrays } = this.limits
    const sides = text.grid.length === 1 ? [maxSide1D] : maxSide
    const fits = text.grid.every((side, i) => Number.isInteger(side) && side >= 1 && side <= (sides[i] ?? 0))
    if (!fits || product(text.grid) > maxSide1D) {
      throw this.#fault(text, 'has a grid that does not fit', show(text.grid), `Stay within ${show(sides)}`)
    }
    if (text.arrays > maxArrays) {
      throw this.#fault(text, 'reads too many arrays', `${text.arrays}`, `Stay within ${maxArrays}`)
    }
  }

  #fault(text: KernelText, wrong: string, got: string, remedy: string, cause?: unknown): DeviceError {
    return new DeviceError(`${this.#name}: the kernel ${text.name} ${wrong}, got ${got}. ${remedy}.`, {
      cause,
    })
  }
}

/** gpu.js appends whole shaders to its messages; they stay in the error's cause. */
function brief(reason: string): string {
  const line = reason
    .replace(/--- generated[\s\S]*/, '')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > 300 ? `${line.slice(0, 300)}...` : line
}

const product = (grid: readonly number[]): number => grid.reduce((size, side) => size * side, 1)
