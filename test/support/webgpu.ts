import { existsSync } from 'node:fs'
import { openDevice } from '../../src/device/open.ts'
import { type Watched, watch } from './watch-calls.ts'

/** Chromium's software Vulkan driver. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
/** Whether it was chosen here: it is installed, and nobody had chosen another. */
let chosen = false

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
  let caught: object | undefined
  const undo = watch((await classesOfWebGpu()).GPUDevice!, 'createBuffer', (device) => {
    caught = device
  })
  try {
    const device = await openDevice('webgpu')
    const buffer = await device.upload(new Float32Array(1))
    // Reading is what always takes a new buffer.
    await device.read(buffer)
    device.release(buffer)
  } finally {
    undo()
  }
  ;(caught as { destroy(): void }).destroy()
}

/** The classes of WebGPU's objects: globals in a browser, and in Node where its package is loaded. */
export async function classesOfWebGpu(): Promise<Readonly<Record<string, Watched>>> {
  if ('GPUDevice' in globalThis) return globalThis as unknown as Record<string, Watched>
  const name = 'webgpu'
  return ((await import(name)) as { globals: Record<string, Watched> }).globals
}
