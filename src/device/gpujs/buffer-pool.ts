import { Pressure } from '../pressure.ts'
import type { GpuBuffer, GpuDevice } from './library.ts'

const COPY_SRC = 0x0004
const COPY_DST = 0x0008
const STORAGE = 0x0080

/** Submissions that a buffer waits for its next use before it is destroyed. */
const PATIENCE = 16

/** A hold on a storage buffer, and when it was given back. */
export interface Pooled {
  readonly buffer: GpuBuffer
  readonly bytes: number
  /** The submission before which that was; null while it is in use. */
  idleSince: number | null
}

/**
 * Storage buffers that were released, for the next of their size. A buffer must not be destroyed before the calls that
 * use it are submitted, and a new one is cleared by the driver first: handing it on spares both.
 */
export class BufferPool {
  readonly pressure = new Pressure(() => this.#used)
  readonly #device: GpuDevice
  /** Bytes of buffers in use. */
  #used = 0
  /** By size, those given back last at the end. */
  readonly #idle = new Map<number, Pooled[]>()
  #submission = 0

  constructor(device: GpuDevice) {
    this.#device = device
  }

  /** A buffer for the result of a recorded call: calls run in order, so earlier ones may still be to read it. */
  take(bytes: number): Pooled {
    return this.#handOut(this.#idle.get(bytes)?.pop() ?? this.#make(bytes))
  }

  /** A buffer to write to at once: no call that is not submitted yet knows it. */
  takeSettled(bytes: number): Pooled {
    const idle = this.#idle.get(bytes)
    const oldest = idle?.[0]
    const settled = oldest && oldest.idleSince !== this.#submission
    return this.#handOut(settled ? idle.shift()! : this.#make(bytes))
  }

  give(pooled: Pooled): void {
    pooled.idleSince = this.#submission
    this.#used -= pooled.bytes
    this.pressure.released()
    const idle = this.#idle.get(pooled.bytes)
    if (idle) idle.push(pooled)
    else this.#idle.set(pooled.bytes, [pooled])
  }

  /** To be told after every submission: destroys what nobody has asked for in the last ones. */
  submitted(): void {
    this.#submission++
    for (const [bytes, idle] of this.#idle) {
      while (idle.length > 0 && idle[0]!.idleSince! + PATIENCE < this.#submission)
        idle.shift()!.buffer.destroy()
      if (idle.length === 0) this.#idle.delete(bytes)
    }
  }

  close(): void {
    for (const idle of this.#idle.values()) for (const { buffer } of idle) buffer.destroy()
    this.#idle.clear()
  }

  /** A hold of its own: who still has an earlier one sees that it was given back. */
  #handOut({ buffer, bytes }: Pick<Pooled, 'buffer' | 'bytes'>): Pooled {
    this.#used += bytes
    return { buffer, bytes, idleSince: null }
  }

  #make(bytes: number): Pick<Pooled, 'buffer' | 'bytes'> {
    const buffer = this.#device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST })
    return { buffer, bytes }
  }
}
