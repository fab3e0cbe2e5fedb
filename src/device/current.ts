import type { Device } from './device.ts'
import { type DeviceOptions, openDevice } from './open.ts'

let current: Promise<Device> | undefined

/**
 * Chooses the device on which everything is realized from now on: 'auto' (the default), or a name from
 * `kdgrad devices`. Nothing falls back: a device that is absent throws.
 *
 * `options` are settings of `cpu`: how many `threads`, whether convolutions may use Winograd's transforms (`winograd`) and
 * kernels the engine's fused multiply-add (`fma`).
 *
 * @throws DeviceError with the reason why it is absent.
 */
export async function device(name: string, options: DeviceOptions = {}): Promise<Device> {
  const opened = await openDevice(name, options)
  current = Promise.resolve(opened)
  return opened
}

/** The chosen device; 'auto' where none was chosen yet. */
export function currentDevice(): Promise<Device> {
  const chosen = current ?? openDevice('auto')
  current = chosen
  return chosen
}
