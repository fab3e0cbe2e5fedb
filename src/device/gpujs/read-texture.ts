import type { Gl, Gl2, Texture } from './library.ts'

const FRAMEBUFFER = 0x8d40
const COLOR_ATTACHMENT0 = 0x8ce0
const TEXTURE_2D = 0x0de1
const RGBA = 0x1908
const FLOAT = 0x1406
const PIXEL_PACK_BUFFER = 0x88eb
const STREAM_READ = 0x88e1
const SYNC_GPU_COMMANDS_COMPLETE = 0x9117
const TIMEOUT_EXPIRED = 0x911b

/** No kernel writes this into a texel's last channel. */
const UNTOUCHED = -(2 ** 100)

/**
 * A texture's numbers; null where nothing was read, for a context that is lost leaves the array alone, and may say so only
 * later. gpu.js reads through the kernel that made the texture; this also works when that kernel has been evicted.
 */
export function readTexture(
  gl: Gl,
  { texture, size: [width, height] }: Texture,
  count: number,
): Float32Array | null {
  const texels = untouched(width, height)
  withFramebuffer(gl, texture, () => gl.readPixels(0, 0, width, height, RGBA, FLOAT, texels))
  return firstChannel(texels, count)
}

/** The same, without holding up the page until all that was asked for before has run. */
export async function readTextureLater(
  gl: Gl2,
  { texture, size: [width, height] }: Texture,
  count: number,
): Promise<Float32Array | null> {
  const texels = untouched(width, height)
  const buffer = gl.createBuffer()
  gl.bindBuffer(PIXEL_PACK_BUFFER, buffer)
  gl.bufferData(PIXEL_PACK_BUFFER, texels.byteLength, STREAM_READ)
  withFramebuffer(gl, texture, () => gl.readPixels(0, 0, width, height, RGBA, FLOAT, 0))
  gl.bindBuffer(PIXEL_PACK_BUFFER, null)
  const done = gl.fenceSync(SYNC_GPU_COMMANDS_COMPLETE, 0)
  gl.flush()
  do await new Promise((resolve) => setTimeout(resolve, 0))
  while (done && gl.clientWaitSync(done, 0, 0) === TIMEOUT_EXPIRED)
  gl.bindBuffer(PIXEL_PACK_BUFFER, buffer)
  gl.getBufferSubData(PIXEL_PACK_BUFFER, 0, texels)
  gl.bindBuffer(PIXEL_PACK_BUFFER, null)
  gl.deleteBuffer(buffer)
  gl.deleteSync(done)
  return firstChannel(texels, count)
}

function untouched(width: number, height: number): Float32Array<ArrayBuffer> {
  const texels = new Float32Array(width * height * 4)
  texels[3] = UNTOUCHED
  return texels
}

function withFramebuffer(gl: Gl, texture: object, act: () => void): void {
  const framebuffer = gl.createFramebuffer()
  gl.bindFramebuffer(FRAMEBUFFER, framebuffer)
  gl.framebufferTexture2D(FRAMEBUFFER, COLOR_ATTACHMENT0, TEXTURE_2D, texture as WebGLTexture, 0)
  act()
  gl.deleteFramebuffer(framebuffer)
}

function firstChannel(texels: Float32Array, count: number): Float32Array | null {
  if (texels[3] === UNTOUCHED) return null
  const numbers = new Float32Array(count)
  for (let i = 0; i < count; i++) numbers[i] = texels[i * 4]!
  return numbers
}
