import type { Device, DeviceBuffer } from '../device/device.ts'

let assignments = 0

/** The place of a new assignment among all. */
export const nextAssignment = (): number => ++assignments

/** A buffer and how many tensors show it. */
class Shared {
  readonly device: Device
  readonly buffer: DeviceBuffer
  readonly at = assignments
  holders = 0

  constructor(device: Device, buffer: DeviceBuffer) {
    this.device = device
    this.buffer = buffer
  }

  leave(): void {
    if (--this.holders === 0) this.device.release(this.buffer)
  }
}

/**
 * A tensor's hold on its values on a device. A buffer outside JavaScript's heap is released when the last tensor that
 * shows it is collected or takes other values. An object of its own, which knows no tensor: what a finalization registry
 * watches outlives young collections, and a tensor would keep its whole graph alive with it.
 */
export class Storage {
  readonly #shared: Shared

  private constructor(shared: Shared) {
    this.#shared = shared
    shared.holders++
    if (shared.device.manual) collected.register(this, shared, this)
  }

  static of(device: Device, buffer: DeviceBuffer): Storage {
    return new Storage(new Shared(device, buffer))
  }

  /** Another tensor's hold on the same values. */
  share(): Storage {
    return new Storage(this.#shared)
  }

  get device(): Device {
    return this.#shared.device
  }

  get buffer(): DeviceBuffer {
    return this.#shared.buffer
  }

  /** How many assignments there had been when the values were made. */
  get at(): number {
    return this.#shared.at
  }

  /** Lets go ahead of collection. */
  drop(): void {
    collected.unregister(this)
    this.#shared.leave()
  }
}

// The safety net: nobody disposes anything by hand.
const collected = new FinalizationRegistry<Shared>((shared) => shared.leave())
