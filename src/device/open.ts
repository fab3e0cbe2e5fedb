import { DeviceError } from '../errors.ts'
import { chooseAuto, refuseGpu } from './auto.ts'
import type { CpuOptions } from './cpu/device.ts'
import type { Device } from './device.ts'
import type { GpuMode } from './gpujs/runtime.ts'

/** Settings of the device `cpu`; no other one has any. */
export type DeviceOptions = CpuOptions

/** Every device by name, with what makes it. */
const DEVICES = {
  reference: async () => (await import('./reference.ts')).openReference(),
  cpu: async (options) => (await import('./cpu/device.ts')).openCpu(options),
  'gpujs-wasm': () => gpuJs('gpujs-wasm', 'webasm'),
  'gpujs-cpu': () => gpuJs('gpujs-cpu', 'cpu'),
  webgpu: () => gpuJs('webgpu', 'webgpu'),
  webgl2: () => gpuJs('webgl2', 'webgl2'),
  headlessgl: () => gpuJs('headlessgl', 'headlessgl'),
} satisfies Record<string, (options: DeviceOptions) => Promise<Device>>

export type DeviceName = keyof typeof DEVICES

export const deviceNames = Object.keys(DEVICES) as DeviceName[]

async function gpuJs(name: string, mode: GpuMode): Promise<Device> {
  const { openGpuJs } = await import('./gpujs/device.ts')
  return openGpuJs(name, mode)
}

interface Opened {
  readonly opening: Promise<Device>
  device: Device | null
}

const opened = new Map<string, Opened>()

/**
 * Opens a device, once per process and settings, and anew where it was lost.
 *
 * @throws DeviceError where the name is unknown or the device absent, with the reason; where it has no such settings.
 */
export async function openDevice(name: string, options: DeviceOptions = {}): Promise<Device> {
  if (name === 'auto') return openAuto(options)
  if (!(name in DEVICES))
    throw new DeviceError(`device: there is no device ${name}. Choose auto, ${deviceNames.join(', ')}.`)
  const settings = Object.entries(options).filter(([, value]) => value !== undefined)
  if (name !== 'cpu' && settings.length > 0)
    throw new DeviceError(
      `device: only cpu has settings, got ${settings.map(([key]) => key).join(', ')} for ${name}. Leave them out.`,
    )
  const key = `${name} ${JSON.stringify(Object.fromEntries(settings.sort()))}`
  const known = opened.get(key)
  if (known && !known.device?.lost) return known.opening
  const entry: Opened = { opening: DEVICES[name as DeviceName](options), device: null }
  opened.set(key, entry)
  try {
    entry.device = await entry.opening
  } catch (error) {
    opened.delete(key)
    throw error
  }
  return entry.device
}

/** Settings are of `cpu`: who gives some means it. */
async function openAuto(options: DeviceOptions): Promise<Device> {
  if (Object.values(options).some((value) => value !== undefined)) return openDevice('cpu', options)
  if ((await chooseAuto()).name === 'cpu') return openDevice('cpu')
  try {
    return await openDevice('webgpu')
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
    refuseGpu(`webgpu does not open: ${error.message}`)
    return openDevice('cpu')
  }
}
