import type { Device } from './device.ts'
import { type DeviceOptions, openDevice } from './open.ts'

/** What was chosen: how to open it, and the device once it is open. */
interface Chosen {
  readonly open: () => Promise<Device>
  device: Device | undefined
}

let chosen: Chosen = { open: () => openDevice('auto'), device: undefined }

/**
 * Chooses the device on which everything is realized from now on: 'auto' (the default: a GPU that WebGPU knows, never a
 * software one, else `cpu`), or a name from `kdgrad devices`. Nothing falls back: a device that is absent throws.
 *
 * `options` are settings of `cpu`: how many `threads`, whether convolutions may use Winograd's transforms (`winograd`) and
 * kernels the engine's fused multiply-add (`fma`). 'auto' with settings is `cpu`.
 *
 * @throws DeviceError with the reason why it is absent.
 */
export async function device(name: string, options: DeviceOptions = {}): Promise<Device> {
  const open = () => openDevice(name, options)
  const opened = await open()
  chosen = { open, device: opened }
  return opened
}

/** The chosen device, opened anew where it was lost; 'auto' where none was chosen yet. */
export async function currentDevice(): Promise<Device> {
  const on = chosen
  if (!on.device || on.device.lost) on.device = await on.open()
  return on.device
}
