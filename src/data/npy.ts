import { DataError, show } from '../errors.ts'

/** An array of NumPy's: `data` row by row. */
export interface NpyArray {
  readonly shape: readonly number[]
  /** Bytes and float32 as they are, everything else as float64. */
  readonly data: Uint8Array | Float32Array | Float64Array
}

type Read = (view: DataView, at: number, little: boolean) => number

/** By NumPy's type code: bytes per element, and how to read one. */
const TYPES: Readonly<Record<string, readonly [bytes: number, read: Read]>> = {
  u1: [1, (view, at) => view.getUint8(at)],
  i1: [1, (view, at) => view.getInt8(at)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  u8: [8, (view, at, little) => Number(view.getBigUint64(at, little))],
  i8: [8, (view, at, little) => Number(view.getBigInt64(at, little))],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
}
const MAGIC = '\u0093NUMPY'
/** Magic, version and, from version 2 on, four bytes of header length. */
const LEAST_BYTES = 12

/**
 * Reads a .npy file (NumPy enhancement proposal 1, versions 1 to 3) of whole numbers or floats in C order; `name` is what
 * messages call it. Throws DataError on anything else, before any memory is taken.
 */
export function readNpy(bytes: Uint8Array, name: string): NpyArray {
  const refuse = (what: string, got: string, remedy = 'Save it again'): never => {
    throw new DataError(`readNpy: ${name} ${what}, got ${got}. ${remedy}.`)
  }
  if (bytes.length < LEAST_BYTES) refuse('is cut short: a header has at least 12 bytes', `${bytes.length}`)
  if (String.fromCharCode(...bytes.subarray(0, 6)) !== MAGIC)
    refuse('is not an array of NumPy', `${bytes.subarray(0, 6).join(' ')}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = bytes[6]!
  if (version < 1 || version > 3) refuse('has a version other than 1 to 3', `${version}`)
  const start = version === 1 ? 10 : 12
  const end = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (end > bytes.length) refuse(`is cut short: its header ends at byte ${end}`, `${bytes.length} bytes`)

  const header = new TextDecoder().decode(bytes.subarray(start, end))
  const [, descr = ''] = /'descr':\s*'([^']{1,20})'/.exec(header) ?? []
  const [, order] = /'fortran_order':\s*(True|False)/.exec(header) ?? []
  const [, dims] = /'shape':\s*\(([\d,\s]{0,200})\)/.exec(header) ?? []
  if (dims === undefined || order === undefined)
    refuse('has a header without a shape', JSON.stringify(header.slice(0, 60)))
  const type = TYPES[descr.slice(1)]
  if (!type || !/^[<>|=]/.test(descr))
    return refuse(
      'must hold whole numbers or floats of 4 or 8 bytes',
      descr || JSON.stringify(header.slice(0, 60)),
      'Convert it with astype',
    )
  if (order === 'True') refuse('must be in C order', 'Fortran order', 'Save np.ascontiguousarray of it')

  const shape = [...dims!.matchAll(/\d+/g)].map(Number)
  const [size, read] = type
  // A zero counts as one here: a shape is no less absurd for one.
  if (!Number.isSafeInteger(shape.reduce((product, n) => product * Math.max(n, 1), size)))
    refuse('claims more elements than can be counted', show(shape))
  const length = shape.reduce((product, n) => product * n, 1)
  if (end + length * size !== bytes.length)
    refuse(`must have ${end + length * size} bytes for ${descr} ${show(shape)}`, `${bytes.length}`)
  if (descr.endsWith('u1')) return { shape, data: bytes.subarray(end) }
  const data = descr.endsWith('f4') ? new Float32Array(length) : new Float64Array(length)
  const little = descr[0] !== '>'
  for (let i = 0; i < length; i++) data[i] = read(view, end + i * size, little)
  return { shape, data }
}
