import { DeviceError } from '../errors.ts'
import type { Device } from './device.ts'

/** Every device by name, with what makes it. 'auto' takes the first of `AUTO` that is there. */
const DEVICES = {
  reference: async () => (await import('./reference.ts')).openReference(),
  'gpujs-wasm': () => gpuJs('gpujs-wasm', 'webasm'),
  'gpujs-cpu': () => gpuJs('gpujs-cpu', 'cpu'),
  webgpu: () => gpuJs('webgpu', 'webgpu'),
  headlessgl: () => gpuJs('headlessgl', 'headlessgl'),
} satisfies Record<string, () => Promise<Device>>

export type DeviceName = keyof typeof DEVICES

export const deviceNames = Object.keys(DEVICES) as DeviceName[]

async function gpuJs(name: string, mode: 'webasm' | 'cpu' | 'webgpu' | 'headlessgl'): Promise<Device> {
  const { openGpuJs } = await import('./gpujs/device.ts')
  return openGpuJs(name, mode)
}

const opened = new Map<DeviceName, Promise<Device>>()

/**
 * Opens a device, once per process.
 *
 * @throws DeviceError where the name is unknown or the device absent, with the reason.
 */
export async function openDevice(name: string): Promise<Device> {
  if (name === 'auto') return openDevice('gpujs-wasm')
  if (!(name in DEVICES))
    throw new DeviceError(`device: there is no device ${name}. Choose auto, ${deviceNames.join(', ')}.`)
  const known = name as DeviceName
  const device = opened.get(known) ?? DEVICES[known]()
  opened.set(known, device)
  device.catch(() => opened.delete(known))
  return device
}
