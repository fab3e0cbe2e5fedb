import type { Device } from './device.ts'
import { openDevice } from './open.ts'

let current: Promise<Device> | undefined

/**
 * Chooses the device on which everything is realized from now on: 'auto' (the default), or a name from
 * `kdgrad devices`. Nothing falls back: a device that is absent throws.
 *
 * @throws DeviceError with the reason why it is absent.
 */
export async function device(name: string): Promise<Device> {
  const opened = await openDevice(name)
  current = Promise.resolve(opened)
  return opened
}

/** The chosen device; 'auto' where none was chosen yet. */
export function currentDevice(): Promise<Device> {
  const chosen = current ?? openDevice('auto')
  current = chosen
  return chosen
}
