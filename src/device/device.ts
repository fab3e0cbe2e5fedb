import type { Kernel } from './kernel.ts'

/** Values on a device, opaque to everything but the device that made it. */
export type DeviceBuffer = object

/** Runs one kernel: buffers for the inputs that have a view, numbers for those that have none, both in order. */
export type Program = (
  buffers: readonly DeviceBuffer[],
  scalars: readonly number[],
) => readonly DeviceBuffer[] | Promise<readonly DeviceBuffer[]>

/** How far the planner may join kernels. */
export interface Fusion {
  /** Most arrays that a kernel may read. */
  readonly inputs: number
  /**
   * Whether kernels may have several outputs and several passes, and elementwise maths may follow a product or a
   * convolution. Else elementwise chains are joined, and put in front of reductions.
   */
  readonly rich: boolean
  /** The smallest array, in elements, that is cheaper to work out again than to store, where the maths is cheap. */
  readonly recompute: number
}

/** What every device can do. One conformance suite (test/conformance.test.ts) proves each of them. */
export interface Device {
  readonly name: string
  /** float64 on `reference`, float32 everywhere else. */
  readonly precision: 'float32' | 'float64'
  /** What runs it, for the table of `kdgrad devices`. */
  readonly description: string
  /** True where what runs it is gone for good, and all values with it: `openDevice` then opens it anew. */
  readonly lost?: boolean
  /** True where buffers are memory outside JavaScript's heap and must be released. */
  readonly manual: boolean
  /** Null where each operation is a kernel of its own. */
  readonly fusion: Fusion | null
  /** A kernel's program; equal kernels share one. */
  compile(kernel: Kernel): Program
  upload(data: HostData): DeviceBuffer | Promise<DeviceBuffer>
  /** A copy that the caller owns. */
  read(buffer: DeviceBuffer): FloatArray | Promise<FloatArray>
  release(buffer: DeviceBuffer): void
  /**
   * Where so much memory is in use that blocks of collected tensors may be among it, or `now`: has garbage collected,
   * which a loop that only awaits what is done already would never let happen. Where calls are queued: waits for the
   * device when it is far behind.
   */
  relieve?(now?: boolean): Promise<void> | undefined
  close(): Promise<void>
}

/** Numbers as a device gives them back. */
export type FloatArray = Float32Array | Float64Array

/** Numbers as a device takes them. */
export type HostData = FloatArray | Int32Array | Uint8Array
