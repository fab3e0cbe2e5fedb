import { DeviceError } from '../../errors.ts'
import type { GpuAdapter, GpuEntry } from './library.ts'

/** A WebGPU adapter. `entry` must live as long as what comes of it: Dawn would be collected under its device. */
export interface Found {
  readonly entry: GpuEntry
  readonly adapter: GpuAdapter
}

/**
 * The fastest WebGPU adapter.
 *
 * @throws DeviceError where there is none, with the reason.
 */
export async function findAdapter(): Promise<Found> {
  const entry = await findGpuEntry()
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) {
    throw new DeviceError(
      'webgpu: no adapter found. Install a Vulkan driver, or set VK_ICD_FILENAMES to a software adapter.',
    )
  }
  return { entry, adapter }
}

/** What an adapter is called, and whether it is the processor in disguise. */
export function describeAdapter({ info }: GpuAdapter): { description: string; software: boolean } {
  const { vendor, architecture, device, description, isFallbackAdapter } = info ?? {}
  const family = [vendor, architecture].filter(Boolean).join(' ')
  const name = [family, device].filter(Boolean).join(', ') || description || 'unnamed adapter'
  const software = isFallbackAdapter === true || isSoftware(`${name} ${description}`)
  return { description: software ? `${family || name} (software)` : name, software }
}

/** Names of adapters and renderers that are the processor in disguise. */
export const isSoftware = (name: string): boolean =>
  /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render/i.test(name)

/** The name is a variable so that neither bundlers nor the type checker insist on a package that may be absent. */
export const importOptional = (name: string): Promise<unknown> => import(/* @vite-ignore */ name)

async function findGpuEntry(): Promise<GpuEntry> {
  const { navigator } = globalThis as { navigator?: { gpu?: GpuEntry } }
  if (navigator?.gpu) return navigator.gpu
  try {
    const { create } = (await importOptional('webgpu')) as { create(flags: string[]): GpuEntry }
    return create([])
  } catch (cause) {
    const reason = String((cause as Error).message).split('\n')[0]
    throw new DeviceError(
      `webgpu: there is no navigator.gpu and the package webgpu does not load, got "${reason}". ` +
        'In Node run npm install webgpu; in a browser use one with WebGPU.',
      { cause },
    )
  }
}
