import { DeviceError } from '../../errors.ts'
import { breather } from '../breather.ts'
import { Pressure } from '../pressure.ts'
import { isSoftware } from './adapter.ts'
import { type Backend, plainRunner } from './backend.ts'
import type { Gl, Gl2, GpuJs, Texture } from './library.ts'
import { quietly } from './quietly.ts'
import { readTexture, readTextureLater } from './read-texture.ts'

const LINK_STATUS = 0x8b82
const MAX_TEXTURE_IMAGE_UNITS = 0x8872
const RENDERER = 0x1f01
const UNMASKED_RENDERER_WEBGL = 0x9246

/** The GL modes: a value is a texture with one number per texel. Kernels are synchronous. */
export function openTextures(lib: GpuJs, mode: 'headlessgl' | 'webgl2'): Backend {
  const kernelClass = mode === 'headlessgl' ? lib.HeadlessGLKernel : lib.WebGL2Kernel
  const gpu = new lib.GPU({ mode })
  const gl = (): Gl => {
    if (!gpu.context) throw new DeviceError(`${mode}: no kernel has run yet. This is an error in kdgrad.`)
    return gpu.context
  }
  let Flat: (new (settings: Texture) => Texture) | null = null
  const flat = (returned: unknown): Texture => {
    // gpu.js has one class for each rank of output, and refuses another class than an argument's first. The very
    // first result is an upload, which is [x]: all become that.
    const texture = returned as Texture
    used += bytesOf(texture)
    Flat ??= texture.constructor as new (settings: Texture) => Texture
    if (texture.constructor === Flat) return texture
    const made = new Flat(texture)
    texture.delete()
    return made
  }
  let used = 0
  const pressure = new Pressure(() => used)
  let unread = false
  const there = (numbers: Float32Array | null): Float32Array => {
    if (numbers) return numbers
    unread = true
    throw new Error('nothing was read')
  }
  // Else no texture of a collected tensor would be released in a loop, and no page would answer.
  const breathe = breather()
  return {
    kernelClass,
    maxKernels: 512,
    maxBytes: Number.POSITIVE_INFINITY,
    patched: false,
    describe() {
      // headless-gl hides its renderer. Under xvfb, its usual place, that is the processor.
      if (mode === 'headlessgl') return { description: 'headless-gl on an X server', software: true }
      const renderer = rendererOf(gl())
      return { description: renderer, software: isSoftware(renderer) }
    },
    limits() {
      const side = kernelClass.features.maxTextureSize
      // [x] and [x, y, z] are folded into a near square; only [x, y] is taken as it is. Above 2^24 indices are inexact.
      const most = Math.min(side * side, 2 ** 24)
      // gpu.js uses texture unit 15 as a scratch place for new results: an argument there would be overwritten.
      const units = Number(gl().getParameter(MAX_TEXTURE_IMAGE_UNITS))
      return { maxSide1D: most, maxSide: [side, side, most], maxArrays: Math.min(units, 15) }
    },
    create: (source, settings) =>
      gpu.createKernel(source, { ...settings, pipeline: true, immutable: true, dynamicArguments: true }),
    firstRunner(shortcut) {
      const run = plainRunner(shortcut, flat)
      return (values, scalars) => {
        const value = run(values, scalars)
        // A model has a hundred kernels, and each takes a while to build.
        return breathe()?.then(() => value) ?? value
      }
    },
    runner: (shortcut) => plainRunner(shortcut, flat),
    verify(kernel) {
      // A program that does not link (too many textures, say) draws zeros and only warns on the console.
      if (!gl().getProgramParameter(kernel.program as WebGLProgram, LINK_STATUS)) {
        throw new Error('its GL program did not link')
      }
    },
    bytes: () => 0,
    upload: () => null,
    read: (value, size) =>
      mode === 'webgl2'
        ? readTextureLater(gl() as Gl2, value as Texture, size).then(there)
        : there(readTexture(gl(), value as Texture, size)),
    release(value) {
      const texture = value as Texture
      used -= bytesOf(texture)
      pressure.released()
      texture.delete()
    },
    evict(kernel) {
      // Not kernel.destroy(): it deletes textures that handles still share, and takes away the context they need to
      // be released with.
      kernel.texture?.delete()
      gl().deleteProgram(kernel.program as WebGLProgram)
      gl().deleteShader(kernel.vertShader as WebGLShader)
      gl().deleteShader(kernel.fragShader as WebGLShader)
      gl().deleteFramebuffer(kernel.framebuffer as WebGLFramebuffer)
      gl().deleteBuffer(kernel.buffer as WebGLBuffer)
      // Those of arrays have a texture of their own, those of handles none.
      for (const argument of kernel.kernelArguments ?? []) argument.destroy()
      const index = kernel.gpu.kernels.indexOf(kernel)
      if (index >= 0) kernel.gpu.kernels.splice(index, 1)
    },
    relieve: () => (pressure.high ? pressure.relieve() : breathe()),
    lost: () => (unread || gpu.context?.isContextLost() ? 'its GL context was lost' : null),
    close: () => gpu.destroy(),
  }
}

/** Each number has a texel of four of them. */
const bytesOf = ({ size: [width, height] }: Texture): number => width * height * 16

/** Throws why headlessgl is absent. `importGl` loads the package `gl`. */
export async function assertHeadlessGl(lib: GpuJs, importGl: () => Promise<unknown>): Promise<void> {
  if (quietly(() => lib.HeadlessGLKernel.isSupported)) return
  try {
    await importGl()
  } catch (cause) {
    const reason = String((cause as Error).message).split('\n')[0]
    throw new DeviceError(
      `headlessgl: the optional package gl is not installed or not built, got "${reason}". ` +
        'Install the headers of X11 and Mesa (libxi-dev libgl1-mesa-dev libx11-dev libxext-dev), then run npm rebuild gl --ignore-scripts=false.',
      { cause },
    )
  }
  throw new DeviceError(
    'headlessgl: no OpenGL context can be opened. Set DISPLAY to an X server, or start kdgrad under xvfb-run -a.',
  )
}

/** Throws why webgl2 is absent. */
export function assertWebGl2(lib: GpuJs): void {
  if (typeof document === 'undefined' && typeof OffscreenCanvas === 'undefined') {
    throw new DeviceError(
      'webgl2: only a browser has it, and this is none. In Node use cpu, webgpu or headlessgl.',
    )
  }
  if (!quietly(() => lib.GPU.isWebGL2Supported)) {
    throw new DeviceError(
      'webgl2: this browser gives no WebGL 2 context. Turn on graphics acceleration, or use cpu.',
    )
  }
}

function rendererOf(gl: Gl): string {
  const unmasked = gl.getExtension('WEBGL_debug_renderer_info') && gl.getParameter(UNMASKED_RENDERER_WEBGL)
  return String(unmasked || gl.getParameter(RENDERER))
}
