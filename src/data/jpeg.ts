import jpeg from 'jpeg-js'
import { checkSize, type Image, MOST_PIXELS, planes, type Refuse } from './image.ts'
import { reason } from './reason.ts'

/** Pixels that a byte can stand for at most: a block of 64 takes at least a bit. */
const MOST_PIXELS_PER_BYTE = 512
/** What the decoder may take, by its own count. */
const MOST_MEGABYTES = 192
/** Markers of a frame header; in between lie tables (c4, cc) and a reserved one (c8). */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/** Decodes a JPEG file (ITU T.81) by jpeg-js; a file of one component is grey. Refuses by `refuse`. */
export function decodeJpeg(bytes: Uint8Array, refuse: Refuse): Image {
  const { width, height, components } = frameOf(bytes, refuse)
  checkSize(width, height, refuse)
  if (width * height > MOST_PIXELS_PER_BYTE * bytes.length)
    refuse('claims a size that its bytes cannot hold', `${width} x ${height} in ${bytes.length} bytes`)
  let rgb: Uint8Array
  try {
    const decoded = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MOST_PIXELS / 1e6,
      maxMemoryUsageInMB: MOST_MEGABYTES,
    })
    if (decoded.width !== width || decoded.height !== height)
      throw new Error(`a second size of ${decoded.width} x ${decoded.height}`)
    rgb = decoded.data
  } catch (error) {
    return refuse('is a damaged JPEG file', reason(error))
  }
  const channels = components === 1 ? 1 : 3
  return { width, height, channels, pixels: planes(rgb, width * height, 3, channels) }
}

/** Size and number of components, from the frame header. */
function frameOf(bytes: Uint8Array, refuse: Refuse): { width: number; height: number; components: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 2
  while (at + 10 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!
    if (isFrame(marker))
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: bytes[at + 9]! }
    // A marker may be filled up with ff before it.
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2)
  }
  return refuse('has no frame header', `${bytes.length} bytes`)
}
