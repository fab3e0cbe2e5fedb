import { DeviceError } from '../errors.ts'
import type { CpuOptions } from './cpu/device.ts'
import type { Device } from './device.ts'

/** Settings of the device `cpu`; no other one has any. */
export type DeviceOptions = CpuOptions

/** Every device by name, with what makes it. */
const DEVICES = {
  reference: async () => (await import('./reference.ts')).openReference(),
  cpu: async (options) => (await import('./cpu/device.ts')).openCpu(options),
  'gpujs-wasm': () => gpuJs('gpujs-wasm', 'webasm'),
  'gpujs-cpu': () => gpuJs('gpujs-cpu', 'cpu'),
  webgpu: () => gpuJs('webgpu', 'webgpu'),
  headlessgl: () => gpuJs('headlessgl', 'headlessgl'),
} satisfies Record<string, (options: DeviceOptions) => Promise<Device>>

export type DeviceName = keyof typeof DEVICES

export const deviceNames = Object.keys(DEVICES) as DeviceName[]

async function gpuJs(name: string, mode: 'webasm' | 'cpu' | 'webgpu' | 'headlessgl'): Promise<Device> {
  const { openGpuJs } = await import('./gpujs/device.ts')
  return openGpuJs(name, mode)
}

const opened = new Map<string, Promise<Device>>()

/**
 * Opens a device, once per process and settings.
 *
 * @throws DeviceError where the name is unknown or the device absent, with the reason; where it has no such settings.
 */
export async function openDevice(name: string, options: DeviceOptions = {}): Promise<Device> {
  if (name === 'auto') return openDevice('cpu', options)
  if (!(name in DEVICES))
    throw new DeviceError(`device: there is no device ${name}. Choose auto, ${deviceNames.join(', ')}.`)
  const settings = Object.entries(options).filter(([, value]) => value !== undefined)
  if (name !== 'cpu' && settings.length > 0)
    throw new DeviceError(
      `device: only cpu has settings, got ${settings.map(([key]) => key).join(', ')} for ${name}. Leave them out.`,
    )
  const key = `${name} ${JSON.stringify(Object.fromEntries(settings.sort()))}`
  const device = opened.get(key) ?? DEVICES[name as DeviceName](options)
  opened.set(key, device)
  device.catch(() => opened.delete(key))
  return device
}
