import { DeviceError, OutOfMemoryError } from '../../errors.ts'
import { Pressure } from '../pressure.ts'
import { Heap } from './heap.ts'
import { CONTROL_BYTES } from './threads-layout.ts'
import type { MemoryLimits } from './wasm/module.ts'

const PAGE = 65536
/** Most pages, as the engine lets us: just below 4 GiB, for ends of blocks are 32-bit addresses too; phones give less. */
const MAXIMA = [65535, 32768, 16384, 8192, 4096]
/** Pages to begin with: the fixed regions below, and some room. */
const INITIAL = 64

/** Fixed regions at the bottom: nothing (so that address 0 is never data), arguments, constants, control of threads. */
const ARGUMENTS = 64
const ARGUMENT_BYTES = 8192 - 64
const CONSTANTS = 8192
const CONSTANT_BYTES = 15 * PAGE
const CONTROL = CONSTANTS + CONSTANT_BYTES
const HEAP = CONTROL + CONTROL_BYTES

/**
 * One linear memory for everything on the device: arguments of the routine that runs, pooled constants, words by which
 * threads are controlled, and a heap of blocks.
 */
export class Memory {
  readonly memory: WebAssembly.Memory
  readonly limits: MemoryLimits
  readonly argumentsAt = ARGUMENTS
  /** Four-byte arguments that fit. */
  readonly argumentCount = ARGUMENT_BYTES / 4
  readonly control = { at: CONTROL, bytes: CONTROL_BYTES }
  /** Views of the whole memory; `allocate` may replace them. */
  f32!: Float32Array
  i32!: Int32Array
  u8!: Uint8Array
  readonly pressure = new Pressure(() => this.used)
  readonly #heap: Heap
  readonly #constants = new Map<string, number>()
  #constantsEnd = CONSTANTS

  constructor(shared: boolean) {
    const { memory, maximum } = reserve(shared)
    this.memory = memory
    this.limits = { initial: INITIAL, maximum, shared }
    this.#heap = new Heap(HEAP, {
      end: () => this.u8.length,
      grow: (end, size) => this.#grow(end, size),
    })
    this.#look()
  }

  /** Bytes handed out and not freed. */
  get used(): number {
    return this.#heap.used
  }

  /**
   * The address of a block of at least `bytes`, on a multiple of 64; whole vectors may be read and written up to its
   * next multiple of 64.
   *
   * @throws OutOfMemoryError where memory is full.
   */
  allocate(bytes: number): number {
    return this.#heap.allocate(bytes)
  }

  /** Takes back a block of `bytes` that `allocate` gave. */
  free(at: number, bytes: number): void {
    this.#heap.free(at, bytes)
    this.pressure.released()
  }

  /** The address of 16 constant bytes; equal ones share it. */
  constant(bytes: Uint8Array): number {
    const key = bytes.join()
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    if (this.#constantsEnd + 16 > CONTROL)
      throw new DeviceError(
        'cpu: the room for constants of kernels is used up. Compute fewer different expressions in one process.',
      )
    const at = this.#constantsEnd
    this.u8.set(bytes, at)
    this.#constants.set(key, at)
    this.#constantsEnd = at + 16
    return at
  }

  /** Grows until `end`, and with it a block of `size`, is inside. Old views go stale. */
  #grow(end: number, size: number): void {
    const have = this.u8.length / PAGE
    const wanted = Math.ceil(end / PAGE) - have
    const left = this.limits.maximum - have
    // Growing is dear, as views must be made anew: rather an eighth more.
    const grown =
      wanted <= left &&
      (this.#add(Math.min(Math.max(wanted, Math.ceil(have / 8)), left)) || this.#add(wanted))
    if (!grown)
      throw new OutOfMemoryError(
        `cpu: out of memory, got ${mib(size)} MiB to hold beside ${mib(this.used)} MiB in use. Use a smaller batch, or drop tensors that are no longer needed.`,
      )
    this.#look()
  }

  #add(pages: number): boolean {
    try {
      this.memory.grow(pages)
      return true
    } catch {
      return false
    }
  }

  #look(): void {
    const { buffer } = this.memory
    this.f32 = new Float32Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.u8 = new Uint8Array(buffer)
  }
}

function reserve(shared: boolean): { memory: WebAssembly.Memory; maximum: number } {
  for (const maximum of MAXIMA) {
    try {
      return { memory: new WebAssembly.Memory({ initial: INITIAL, maximum, shared }), maximum }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new DeviceError(
    `cpu: the engine gives no memory, not even ${mib(INITIAL * PAGE)} MiB. Close other programs.`,
  )
}

const mib = (bytes: number): string => Math.ceil(bytes / 2 ** 20).toFixed(0)
