/** How an element type of a file is read, little-endian, into which array. */
interface ElementType {
  readonly bytes: number
  readonly array: Float32ArrayConstructor | Float64ArrayConstructor | Int32ArrayConstructor
  readonly read: (view: DataView, at: number) => number
}

/**
 * The element types that are read, by their names in safetensors. Half floats become float32, which holds all of them;
 * 64-bit integers float64, which is exact up to 2^53.
 */
export const elementTypes = {
  F32: { bytes: 4, array: Float32Array, read: (view, at) => view.getFloat32(at, true) },
  F64: { bytes: 8, array: Float64Array, read: (view, at) => view.getFloat64(at, true) },
  F16: { bytes: 2, array: Float32Array, read: (view, at) => half(view.getUint16(at, true)) },
  BF16: { bytes: 2, array: Float32Array, read: (view, at) => brain(view.getUint16(at, true)) },
  I32: { bytes: 4, array: Int32Array, read: (view, at) => view.getInt32(at, true) },
  I64: { bytes: 8, array: Float64Array, read: (view, at) => Number(view.getBigInt64(at, true)) },
} as const satisfies Record<string, ElementType>

export type ElementTypeName = keyof typeof elementTypes

/** IEEE's binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const word = new DataView(new ArrayBuffer(4))

/** The upper half of a float32. */
function brain(bits: number): number {
  word.setUint32(0, bits * 0x10000)
  return word.getFloat32(0)
}
