import { existsSync } from 'node:fs'
import { openDevice } from '../../src/device/open.ts'

/** Chromium's software Vulkan driver. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
/** Whether it was chosen here: it is installed, and nobody had chosen another. */
let chosen = false

/** The members of WebGPU's device that tests use. */
interface GpuDevice {
  createBuffer(settings: object): object
  destroy(): void
}

/** Has WebGPU find the software driver, where it is installed, until `leaveSoftware`. */
export function chooseSoftware(): void {
  if (process.env.VK_ICD_FILENAMES !== undefined || !existsSync(SWIFTSHADER)) return
  process.env.VK_ICD_FILENAMES = SWIFTSHADER
  chosen = true
}

/** Who opens webgpu from now on gets what the machine has by itself. */
export function leaveSoftware(): void {
  if (chosen) delete process.env.VK_ICD_FILENAMES
  chosen = false
}

/** Why there is no WebGPU here, not even in software; null where there is. */
export function whyNoWebGpu(): Promise<string | null> {
  chooseSoftware()
  return openDevice('webgpu').then(
    () => null,
    (error: Error) => error.message,
  )
}

/**
 * Takes the WebGPU device that is in use away from the project, as a reset of the graphics card would: nobody but the
 * project's own buffers knows it, so it is caught while it makes the next one.
 */
export async function loseWebGpu(): Promise<void> {
  const { prototype } = await classOfDevices()
  const { createBuffer } = prototype
  let caught: GpuDevice | undefined
  prototype.createBuffer = function (settings) {
    caught = this
    return createBuffer.call(this, settings)
  }
  try {
    const device = await openDevice('webgpu')
    const buffer = await device.upload(new Float32Array(1))
    // Reading is what always takes a new buffer.
    await device.read(buffer)
    device.release(buffer)
  } finally {
    prototype.createBuffer = createBuffer
  }
  caught!.destroy()
}

async function classOfDevices(): Promise<{ prototype: GpuDevice }> {
  const { GPUDevice } = globalThis as { GPUDevice?: { prototype: GpuDevice } }
  if (GPUDevice) return GPUDevice
  const name = 'webgpu'
  const { globals } = (await import(name)) as { globals: { GPUDevice: { prototype: GpuDevice } } }
  return globals.GPUDevice
}
