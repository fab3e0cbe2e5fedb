import { convertIndexedToRgb, type DecodedPng, decode } from 'fast-png'
import { Inflate } from 'fflate'
import { checkSize, type Image, planes, type Refuse } from './image.ts'
import { MOST_INFLATION } from './limits.ts'
import { reason } from './reason.ts'

/** Largest image as it is packed, before and after which the decoder holds a copy each. */
const MOST_BYTES = 2 ** 26
const SIGNATURE_BYTES = 8
const HEADER_BYTES = 13
/** Length and type before what a chunk holds, checksum behind it. */
const AROUND_CHUNK = 12
/** Values per pixel by colour type. */
const VALUES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/**
 * Decodes a PNG file (https://www.w3.org/TR/png-3) by fast-png. What is not needed for the pixels never reaches it: profiles
 * and texts may unpack to anything. Sizes are checked against the bytes first. Refuses by `refuse`.
 */
export function decodePng(bytes: Uint8Array, refuse: Refuse): Image {
  const needed = pixelChunks(bytes, refuse)
  checkHeader(needed, refuse)
  let png: DecodedPng
  let colours: ArrayLike<number>
  try {
    png = decode(needed, { checkCrc: true })
    colours = isPacked(png)
      ? convertIndexedToRgb({ ...png, palette: png.palette ?? greys(png.depth) })
      : png.data
  } catch (error) {
    return refuse('is a damaged PNG file', reason(error))
  }
  const { width, height, depth } = png
  const channels = png.palette || png.channels > 2 ? 3 : 1
  const step = isPacked(png) ? 3 : png.channels
  const pixels = planes(colours, width * height, step, channels, depth === 16 ? 8 : 0)
  return { width, height, channels, pixels }
}

/** Several pixels in a byte, or numbers of colours. */
const isPacked = ({ depth, palette }: DecodedPng): boolean => depth < 8 || palette !== undefined

/** Levels of grey in the form of a palette. */
const greys = (depth: number): [number, number, number][] =>
  Array.from({ length: 2 ** depth }, (_, i) => {
    const level = (255 * i) / (2 ** depth - 1)
    return [level, level, level]
  })

/** The file with its header, palette and pixels alone. */
function pixelChunks(bytes: Uint8Array, refuse: Refuse): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const out = new Uint8Array(bytes.length)
  out.set(bytes.subarray(0, SIGNATURE_BYTES))
  let filled = SIGNATURE_BYTES
  for (let at = SIGNATURE_BYTES; ; ) {
    if (at + AROUND_CHUNK > bytes.length)
      refuse('is cut short: its last chunk is missing', `${bytes.length} bytes`)
    const end = at + AROUND_CHUNK + view.getUint32(at)
    if (end > bytes.length) refuse(`is cut short: a chunk ends at byte ${end}`, `${bytes.length} bytes`)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if ((at === SIGNATURE_BYTES) !== (type === 'IHDR'))
      refuse('must begin with its only header', `chunk ${type}`)
    if (['IHDR', 'PLTE', 'IDAT', 'IEND'].includes(type)) {
      out.set(bytes.subarray(at, end), filled)
      filled += end - at
    }
    if (type === 'IEND') return out.slice(0, filled)
    at = end
  }
}

/** Refuses sizes that the bytes cannot hold. */
function checkHeader(png: Uint8Array, refuse: Refuse): void {
  const start = SIGNATURE_BYTES + 8
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  if (view.getUint32(SIGNATURE_BYTES) !== HEADER_BYTES)
    refuse('must have a header of 13 bytes', `${view.getUint32(SIGNATURE_BYTES)}`)
  const [width, height] = [view.getUint32(start), view.getUint32(start + 4)]
  const [depth, type, interlace] = [png[start + 8]!, png[start + 9]!, png[start + 12]!]
  checkSize(width, height, refuse)
  if (interlace !== 0 && depth < 8)
    refuse('is interlaced, which is read with 8 or 16 bits only', `${depth} bits`)
  const bits = depth * (VALUES[type] ?? 1)
  const least = Math.ceil((width * height * bits) / 8)
  // Each row has a byte for its filter and is filled up to whole bytes; interlaced, there are up to twice as many rows.
  const most = (Math.ceil((width * bits) / 8) + 1) * height + (interlace === 0 ? 0 : least + 2 * height)
  if (most > MOST_BYTES || least > MOST_INFLATION * png.length)
    refuse('claims a size that its bytes cannot hold', `${width} x ${height} in ${png.length} bytes`)
  if (MOST_INFLATION * png.length > MOST_BYTES) checkInflation(png, most, refuse)
}

/** Refuses pixels that unpack to more than `most` bytes, without keeping them. */
function checkInflation(png: Uint8Array, most: number, refuse: Refuse): void {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  let size = 0
  const inflate = new Inflate((part) => {
    size += part.length
    if (size > most) refuse('unpacks to more than its size', `more than ${most} bytes`)
  })
  // The first two bytes of the first chunk are zlib's own header.
  let skip = 2
  for (let at = SIGNATURE_BYTES; at < png.length; at += AROUND_CHUNK + view.getUint32(at)) {
    if (String.fromCharCode(...png.subarray(at + 4, at + 8)) !== 'IDAT') continue
    const end = at + 8 + view.getUint32(at)
    try {
      // In pieces, as one push unpacks all that it is given.
      for (let from = at + 8 + skip; from < end; from += 4096)
        inflate.push(png.subarray(from, Math.min(from + 4096, end)))
    } catch (error) {
      if (size > most) throw error
      refuse('is a damaged PNG file', reason(error))
    }
    skip = 0
  }
}
