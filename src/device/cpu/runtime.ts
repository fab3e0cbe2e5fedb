import { Compiled } from './compiled.ts'
import { type Features, probeFeatures } from './features.ts'
import { Memory } from './memory.ts'
import type { Stage } from './recipe.ts'
import { type Job, Threads, WORTH_SHARING } from './threads.ts'
import { threadCount } from './threads-count.ts'
import { MATH, type Routine } from './wasm/func.ts'
import { writeModule } from './wasm/module.ts'

/** A routine as the runtime knows it; `Runtime.run` and `Runtime.runRange` run it. */
export interface Handle {
  readonly routine: Routine
  /** Null until the first run, which compiles all routines that wait in one module. */
  compiled: Compiled | null
}

export interface RuntimeOptions {
  /** False to do without fused multiply-add, for results that do not depend on the machine's engine. */
  readonly fma?: boolean
  /** Threads that share the work; else KDGRAD_THREADS of the environment, else one a core up to eight. */
  readonly threads?: number | undefined
}

/** From how much work in a stage on, in nanoseconds and roughly, time is taken: it may be worth sharing. */
const WORTH_TIMING = 4_000
/** Workers start once they could have shared so much work, in nanoseconds: a process may be over before they are up. */
const WORTH_STARTING = 20_000_000

/** Compiles routines and runs them over one memory, on several threads where that pays. */
export class Runtime {
  readonly features: Features
  readonly memory: Memory
  readonly threads: number
  readonly #handles = new Map<string, Handle>()
  #waiting: Handle[] = []
  #compiled = 0
  #scratch = { at: 0, bytes: 0, stride: 0 }
  #workers: Threads | null = null
  /** Nanoseconds of work so far that several threads could have shared. */
  #shareable = 0

  /** @throws DeviceError where the number of threads is none. */
  constructor({ fma = true, threads }: RuntimeOptions = {}) {
    const found = probeFeatures()
    this.features = { ...found, fma: found.fma && fma }
    this.threads = threadCount(threads, found.shared)
    this.memory = new Memory(found.shared)
  }

  /** The handle of a routine; equal keys share one. */
  define(routine: Routine): Handle {
    const known = this.#handles.get(routine.key)
    if (known) return known
    const handle: Handle = { routine, compiled: null }
    this.#handles.set(routine.key, handle)
    this.#waiting.push(handle)
    return handle
  }

  /**
   * Runs all units of a stage, whose routine has this handle, with these pointers, then numbers, as its arguments.
   *
   * @throws DeviceError where a worker thread failed.
   */
  run(
    handle: Handle,
    { units, cost }: Pick<Stage, 'units' | 'cost'>,
    pointers: readonly number[],
    numbers: readonly number[],
  ): void {
    if (this.threads === 1 || units < 2 || units * cost < WORTH_TIMING) {
      this.runRange(handle, pointers, numbers, 0, units)
      return
    }
    const compiled = handle.compiled ?? this.#compile(handle)
    this.#putArguments(pointers, numbers)
    const { at, stride } = this.#scratch
    const args = this.memory.argumentsAt
    const whole = units * (compiled.unit || cost)
    if (this.#share(compiled, { units, cost: whole, args, scratch: at, stride })) return
    const begun = performance.now()
    compiled.call(args, 0, units, at)
    compiled.measure(begun, performance.now(), units)
  }

  /** Runs [lo, hi) of a routine on this thread with these pointers, then numbers, as its arguments. */
  runRange(
    handle: Handle,
    pointers: readonly number[],
    numbers: readonly number[],
    lo: number,
    hi: number,
  ): void {
    const compiled = handle.compiled ?? this.#compile(handle)
    this.#putArguments(pointers, numbers)
    compiled.call(this.memory.argumentsAt, lo, hi, this.#scratch.at)
  }

  /** Ends the worker threads. They start again where more work comes. */
  close(): Promise<void> {
    return this.#stopWorkers()
  }

  /** Shares a job with the workers, which start when it is time; false where this thread is to do it alone. */
  #share(compiled: Compiled, job: Job): boolean {
    if (job.cost < WORTH_SHARING) return false
    if (!this.#workers) {
      this.#shareable += job.cost
      if (this.#shareable < WORTH_STARTING) return false
      this.#workers = new Threads(this.memory, this.threads)
    }
    try {
      return this.#workers.share(compiled, job)
    } finally {
      if (this.#workers.broken) void this.#stopWorkers()
    }
  }

  async #stopWorkers(): Promise<void> {
    const workers = this.#workers
    this.#workers = null
    this.#shareable = 0
    await workers?.close()
  }

  #putArguments(pointers: readonly number[], numbers: readonly number[]): void {
    const { argumentsAt, i32, f32 } = this.memory
    let at = argumentsAt >> 2
    for (let i = 0; i < pointers.length; i++) i32[at++] = pointers[i]!
    for (let i = 0; i < numbers.length; i++) f32[at++] = numbers[i]!
  }

  /** Compiles all routines that wait, as one module; or the wanted one alone where they include one that fails. */
  #compile(wanted: Handle): Compiled {
    const waiting = this.#waiting
    try {
      this.#compileAll(waiting)
    } catch (error) {
      if (waiting.length === 1) throw error
      this.#compileAll([wanted])
    }
    this.#waiting = waiting.filter(({ compiled }) => compiled === null)
    return wanted.compiled!
  }

  #compileAll(handles: readonly Handle[]): void {
    const { memory, features } = this
    const routines = handles.map(({ routine }) => routine)
    const target = { fma: features.fma, constant: (bytes: Uint8Array) => memory.constant(bytes) }
    const bytes = writeModule(routines, target, memory.limits)
    this.#needScratch(Math.max(...routines.map(({ scratch }) => scratch)))
    const math = Object.fromEntries(MATH.map((name) => [name, Math[name]]))
    const imports = { env: { memory: memory.memory }, math }
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
    const code = { bytes, first: this.#compiled }
    handles.forEach((handle, i) => {
      handle.compiled = new Compiled(exports[String(i)] as Compiled['call'], this.#compiled++, code)
    })
  }

  /** Scratch memory of at least so many bytes for every thread. */
  #needScratch(bytes: number): void {
    const { memory, threads } = this
    if (bytes <= this.#scratch.bytes) return
    // 64 bytes apart: what one thread writes past its end is never read, but cache lines are whole.
    const stride = Math.ceil(bytes / 64) * 64 + 64
    if (this.#scratch.bytes > 0) memory.free(this.#scratch.at, this.#scratch.stride * threads)
    this.#scratch = { at: memory.allocate(stride * threads), bytes, stride }
  }
}
