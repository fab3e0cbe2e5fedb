import { DataError, show } from '../errors.ts'

/** The content of an IDX file: `shape` outermost dim first, `data` row by row (a view of the bytes that were read). */
export interface IdxArray {
  readonly shape: number[]
  readonly data: Uint8Array
}

const UNSIGNED_BYTE = 0x08
/** The other element types of the format, which MNIST does not use. */
const OTHER_TYPES = new Map([
  [0x09, 'int8'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
])

/**
 * Reads an IDX file of unsigned bytes, the format of MNIST (http://yann.lecun.com/exdb/mnist): two zero bytes, the
 * element type, the number of dims, each dim as a big-endian 32-bit number, then the elements.
 * `name` is what messages call the file. Throws DataError on anything else, before any memory is taken.
 */
export function readIdx(bytes: Uint8Array, name: string): IdxArray {
  const refuse = (what: string, got: string, remedy: string): never => {
    throw new DataError(`readIdx: ${name} ${what}, got ${got}. ${remedy}.`)
  }
  if (bytes.length < 4) refuse('is cut short: an IDX header has at least 4 bytes', `${bytes.length}`, AGAIN)
  const type = bytes[2]!
  const rank = bytes[3]!
  if (bytes[0] !== 0 || bytes[1] !== 0)
    refuse(
      'is not an IDX file, which begins with the bytes 00 00',
      `${hex(bytes[0]!)} ${hex(bytes[1]!)}`,
      'Check that it is the right file',
    )
  if (type !== UNSIGNED_BYTE)
    refuse(
      'must hold unsigned bytes (type code 08)',
      `${hex(type)}${OTHER_TYPES.has(type) ? ` (${OTHER_TYPES.get(type)})` : ''}`,
      'Convert it, or check that it is the right file',
    )
  if (rank === 0) refuse('must have at least one dim', '0', AGAIN)
  const headerBytes = 4 + 4 * rank
  if (bytes.length < headerBytes)
    refuse(`is cut short: its header of ${rank} dims has ${headerBytes} bytes`, `${bytes.length}`, AGAIN)

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d))
  // A zero counts as one here: [4294967295, 4294967295, 0] is as absurd as it is without the 0.
  if (!Number.isSafeInteger(shape.reduce((product, n) => product * Math.max(n, 1), 1)))
    refuse('claims more elements than can be counted', show(shape), AGAIN)
  const expected = headerBytes + shape.reduce((product, n) => product * n, 1)
  if (bytes.length < expected)
    refuse(`is cut short: ${show(shape)} takes ${expected} bytes`, `${bytes.length}`, AGAIN)
  if (bytes.length > expected)
    refuse(`has bytes left over: ${show(shape)} takes ${expected} bytes`, `${bytes.length}`, AGAIN)
  return { shape, data: bytes.subarray(headerBytes) }
}

const AGAIN = 'Download it again'
const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
