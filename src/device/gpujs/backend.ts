import type { Pooled } from './buffer-pool.ts'
import type { BuiltKernel, KernelClass, Shortcut, Texture } from './library.ts'

/** What a handle holds. */
export type Value = Float32Array | Texture | Pooled

/** Array values first, then numbers. */
export type Runner = (values: readonly Value[], scalars: readonly number[]) => Value | Promise<Value>

export interface Limits {
  /** Longest [x] grid, and longest array. */
  readonly maxSide1D: number
  /** Longest sides of [x, y] and [x, y, z] grids. */
  readonly maxSide: readonly [number, number, number]
  readonly maxArrays: number
}

/** What differs between the modes of gpu.js. The handles, the cache of kernels and the checks are in runtime.ts. */
export interface Backend {
  /** A kernel of another class than this has silently degraded. */
  readonly kernelClass: KernelClass
  /** The oldest kernels go when there are more than this, or when they hold more bytes than this. */
  readonly maxKernels: number
  readonly maxBytes: number
  readonly patched: boolean
  /** These three are asked for once a kernel has run: before that there is no GL context. */
  describe(): { readonly description: string; readonly software: boolean }
  limits(): Limits
  create(source: string, settings: object): Shortcut
  /** How to run a kernel for the first time: builds it. */
  firstRunner(shortcut: Shortcut, size: number): Runner
  /** How to run it from then on. */
  runner(shortcut: Shortcut, size: number): Runner
  /** Throws what else went wrong in a first run. */
  verify(kernel: BuiltKernel): void
  /** Bytes that a built kernel holds on to. */
  bytes(kernel: BuiltKernel): number
  /** Null where an array must go through a kernel to get onto the device. */
  upload(data: Float32Array): Value | null
  read(value: Value, size: number): Float32Array | Promise<Float32Array>
  release(value: Value): void
  evict(kernel: BuiltKernel): void
  /** Where the device is far behind, or holds what may be garbage: waits until it has caught up, or has it collected. */
  relieve?(): Promise<void> | undefined
  /** Why what it runs on is gone for good, and all values with it; null while it is there. */
  lost(): string | null
  close(): Promise<void>
}

/** Runs a kernel through gpu.js's own call, given how to turn what it returns into a value. */
export const plainRunner =
  (shortcut: Shortcut, value: (returned: unknown) => Value): Runner =>
  (values, scalars) =>
    value(shortcut(...values, ...scalars))
