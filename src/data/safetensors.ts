import { DataError, ShapeError, show, ValueError } from '../errors.ts'
import { isCount } from './counts.ts'
import { type ElementTypeName, elementTypes } from './element-types.ts'

/** What arrays are written from, and read into; the format knows more. */
export type SafetensorsData = Float32Array | Float64Array | Int32Array

/** One array: `data` row by row, as many elements as `shape` says (one for `[]`). */
export interface SafetensorsEntry {
  readonly shape: readonly number[]
  readonly data: SafetensorsData
}

/** What a file holds. `metadata` has no prototype, so a key such as `constructor` is there only if the file has it. */
export interface SafetensorsFile {
  readonly tensors: Map<string, SafetensorsEntry>
  readonly metadata: Record<string, string>
}

/** The header's own key, which no tensor can have as its name. */
const METADATA = '__metadata__'
/** The format's own limit for the header. */
const MOST_HEADER_BYTES = 100_000_000
/** The length of the header, before it. */
const PREFIX = 8

/**
 * The bytes of a safetensors file (https://github.com/huggingface/safetensors, "Format"): the header's length as a
 * little-endian 64-bit number, a JSON header padded with spaces to 8 bytes, the elements little-endian without gaps.
 * Float64 arrays come first in the data, so that every array lies at a multiple of its element size.
 * Throws ShapeError if a shape and its data differ, ValueError on a tensor named `__metadata__` or on metadata that is
 * not text.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const members =
    Object.keys(metadata).length > 0 ? [`${JSON.stringify(METADATA)}:${metadataJson(metadata)}`] : []
  const offsets = layOut(tensors)
  let dataBytes = 0
  // Joined by hand: an object would put a name such as '7' first and take '__proto__' for its prototype.
  for (const [name, { shape, data }] of tensors) {
    const begin = offsets.get(name)!
    const end = begin + data.byteLength
    members.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: dtypeOf(data), shape, data_offsets: [begin, end] })}`,
    )
    dataBytes = Math.max(dataBytes, end)
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`)
  const headerBytes = Math.ceil(json.length / 8) * 8
  if (headerBytes > MOST_HEADER_BYTES)
    throw new ValueError(
      `encodeSafetensors: the names and metadata must fit into ${MOST_HEADER_BYTES} bytes, got ${headerBytes}. Shorten them.`,
    )
  const bytes = new Uint8Array(PREFIX + headerBytes + dataBytes)
  bytes.fill(0x20, PREFIX, PREFIX + headerBytes)
  bytes.set(json, PREFIX)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(headerBytes), true)
  for (const [name, { data }] of tensors) writeElements(view, PREFIX + headerBytes + offsets.get(name)!, data)
  return bytes
}

/**
 * Reads a safetensors file of the element types in element-types.ts; `name` is what messages call it. The arrays are copies, so
 * `bytes` may be reused. Every length is checked against `bytes` before memory is taken for it.
 * Throws DataError on anything that the format does not allow, and on other element types.
 */
export function decodeSafetensors(bytes: Uint8Array, name: string): SafetensorsFile {
  const refuse: Refuse = (what, got, remedy) => {
    throw new DataError(`decodeSafetensors: ${name} ${what}, got ${got}. ${remedy}.`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < PREFIX)
    refuse('is cut short: its first 8 bytes are a length', `${bytes.length} bytes`, AGAIN)
  const claimed = view.getBigUint64(0, true)
  if (claimed > BigInt(Math.min(bytes.length - PREFIX, MOST_HEADER_BYTES)))
    refuse(
      `claims a header longer than the file or than the format allows`,
      `${claimed} of ${bytes.length} bytes`,
      AGAIN,
    )
  const start = PREFIX + Number(claimed)
  const header = parseHeader(bytes.subarray(PREFIX, start), refuse)

  const metadata: Record<string, string> = Object.create(null)
  const specs: Spec[] = []
  for (const [key, value] of Object.entries(header)) {
    if (key === METADATA) Object.assign(metadata, checkMetadata(value, refuse))
    else specs.push(checkSpec(key, value, refuse))
  }
  checkLayout(specs, bytes.length - start, refuse)
  const tensors = new Map<string, SafetensorsEntry>()
  for (const { key, dtype, shape, begin, end } of specs)
    tensors.set(key, {
      shape,
      data: readElements(view, start + begin, dtype, (end - begin) / elementTypes[dtype].bytes),
    })
  return { tensors, metadata }
}

type Refuse = (what: string, got: string, remedy: string) => never
interface Spec {
  readonly key: string
  readonly dtype: ElementTypeName
  readonly shape: number[]
  readonly begin: number
  readonly end: number
}

const AGAIN = 'Download or save it again'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isDtype = (value: unknown): value is ElementTypeName =>
  typeof value === 'string' && Object.hasOwn(elementTypes, value)

/** A value of the header in a message. Not its JSON: a hostile header nests deeper than the stack. */
function brief(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (Array.isArray(value)) {
    const front = value.slice(0, 8).map((v) => (typeof v === 'object' ? '…' : brief(v)))
    return `[${[...front, ...(value.length > 8 ? ['…'] : [])].join(', ')}]`
  }
  if (value === undefined) return 'nothing'
  return isRecord(value) ? 'an object' : String(value)
}

function parseHeader(bytes: Uint8Array, refuse: Refuse): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    refuse('has a header that is not JSON', brief(new TextDecoder().decode(bytes.subarray(0, 61))), AGAIN)
  }
  return isRecord(header) ? header : refuse('has a header that is not an object', brief(header), AGAIN)
}

function checkMetadata(value: unknown, refuse: Refuse): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string'))
    return refuse('has metadata other than text by name', brief(value), AGAIN)
  return value as Record<string, string>
}

function checkSpec(key: string, value: unknown, refuse: Refuse): Spec {
  const who = `describes tensor ${brief(key)}`
  if (!isRecord(value)) return refuse(`${who} by something that is not an object`, brief(value), AGAIN)
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDtype(dtype))
    return refuse(
      `${who} by a dtype other than ${Object.keys(elementTypes).join(', ')}`,
      brief(dtype),
      'Convert it first',
    )
  if (!Array.isArray(shape) || !shape.every(isCount)) return refuse(`${who} by no shape`, brief(shape), AGAIN)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0]! > offsets[1]!)
    return refuse(`${who} by no pair of data_offsets in order`, brief(offsets), AGAIN)
  const [begin, end] = offsets as [number, number]
  const needed = shape.reduce((product: number, n: number) => product * n, elementTypes[dtype].bytes)
  if (needed !== end - begin)
    return refuse(
      `${who} by a shape and data_offsets that differ in size`,
      `${dtype} ${brief(shape)} of ${needed} bytes and ${end - begin} bytes`,
      AGAIN,
    )
  return { key, dtype, shape, begin, end }
}

/** The arrays must fill the data exactly: side by side, from its first byte to its last. */
function checkLayout(specs: readonly Spec[], dataBytes: number, refuse: Refuse): void {
  let filled = 0
  for (const { key, begin, end } of specs.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > dataBytes)
      refuse(`is cut short: tensor ${brief(key)} ends at data byte ${end}`, `${dataBytes} data bytes`, AGAIN)
    if (begin !== filled)
      refuse(
        `has tensor ${brief(key)} ${begin < filled ? 'overlapping another' : 'behind a gap'}`,
        `a begin of ${begin} where the one before ends at ${filled}`,
        AGAIN,
      )
    filled = end
  }
  if (filled !== dataBytes)
    refuse(`has bytes that belong to no tensor: they take ${filled}`, `${dataBytes} data bytes`, AGAIN)
}

function layOut(tensors: ReadonlyMap<string, SafetensorsEntry>): Map<string, number> {
  const offsets = new Map<string, number>()
  let next = 0
  for (const [name, { shape, data }] of [...tensors].toSorted(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  )) {
    if (name === METADATA)
      throw new ValueError(
        `encodeSafetensors: the format keeps this name for itself, got ${METADATA}. Rename the tensor.`,
      )
    if (!shape.every(isCount) || shape.reduce((product, n) => product * n, 1) !== data.length)
      throw new ShapeError(
        `encodeSafetensors: the shape of ${brief(name)} does not fit its data, got ${show(shape)} and ${data.length} elements. Pass as many elements as the shape says.`,
      )
    offsets.set(name, next)
    next += data.byteLength
  }
  return offsets
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string')
      throw new ValueError(
        `encodeSafetensors: metadata must be text, got ${brief(value)} for ${brief(key)}. Turn it into a string.`,
      )
  return JSON.stringify(metadata)
}

const dtypeOf = (data: SafetensorsData): ElementTypeName =>
  data instanceof Float32Array ? 'F32' : data instanceof Float64Array ? 'F64' : 'I32'

// Element by element through a DataView: the file is little-endian on every platform, and offsets need not be aligned.
function writeElements(view: DataView, offset: number, data: SafetensorsData): void {
  const step = data.BYTES_PER_ELEMENT
  if (data instanceof Float32Array)
    for (let i = 0; i < data.length; i++) view.setFloat32(offset + i * step, data[i]!, true)
  else if (data instanceof Float64Array)
    for (let i = 0; i < data.length; i++) view.setFloat64(offset + i * step, data[i]!, true)
  else for (let i = 0; i < data.length; i++) view.setInt32(offset + i * step, data[i]!, true)
}

function readElements(
  view: DataView,
  offset: number,
  dtype: ElementTypeName,
  length: number,
): SafetensorsData {
  const { array, bytes, read } = elementTypes[dtype]
  const data = new array(length)
  for (let i = 0; i < length; i++) data[i] = read(view, offset + bytes * i)
  return data
}
