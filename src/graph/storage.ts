import type { Device, DeviceBuffer } from '../device/device.ts'

/**
 * Values on a device, shared by every tensor that shows them. A buffer outside JavaScript's heap is released when the
 * last of them is collected or replaced.
 */
export class Storage {
  readonly device: Device
  readonly buffer: DeviceBuffer
  private holders = 0

  constructor(device: Device, buffer: DeviceBuffer) {
    this.device = device
    this.buffer = buffer
  }

  /** Counts `holder` in; its collection, or `drop`, counts it out. */
  hold(holder: object): this {
    this.holders++
    if (this.device.manual) collected.register(holder, this, holder)
    return this
  }

  drop(holder: object): void {
    collected.unregister(holder)
    this.countOut()
  }

  private countOut(): void {
    if (--this.holders === 0) this.device.release(this.buffer)
  }

  static collect(storage: Storage): void {
    storage.countOut()
  }
}

// The safety net: nobody disposes anything by hand.
const collected = new FinalizationRegistry<Storage>(Storage.collect)
