import { DataError } from '../errors.ts'
import type { Image, Refuse } from './image.ts'
import { decodeJpeg } from './jpeg.ts'
import { decodePng } from './png.ts'

/**
 * Decodes a PNG or JPEG file, told apart by their first bytes. Colours are RGB, transparency is dropped, 16 bits are
 * rounded down to 8. `name` is what messages call it. Throws DataError if it is neither, damaged, or above 2^24 pixels.
 */
export function decodeImage(bytes: Uint8Array, name: string): Image {
  const refuse: Refuse = (what, got) => {
    throw new DataError(`decodeImage: ${name} ${what}, got ${got}. Save it again as PNG or JPEG.`)
  }
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return decodePng(bytes, refuse)
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return decodeJpeg(bytes, refuse)
  return refuse('is neither a PNG nor a JPEG file', `first bytes ${bytes.subarray(0, 4).join(' ')}`)
}
