import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { encode as encodePng } from 'fast-png'
import { zipSync } from 'fflate'
import jpeg from 'jpeg-js'
import { afterEach, beforeEach } from 'vitest'

/** A new folder for each test of a file, removed behind it. */
export function scratchFolder(): { readonly path: string; put(name: string, bytes: Uint8Array): string } {
  let path = ''
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'kdgrad-data-'))
  })
  afterEach(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return {
    get path() {
      return path
    },
    put(name, bytes) {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, bytes)
      return file
    },
  }
}

/** CIFAR records: `labels[i]` (one or two bytes) before 3,072 pixels of value (i + position) mod 256. */
export const cifar = (labels: readonly (readonly number[])[]): Uint8Array =>
  Uint8Array.from(
    labels.flatMap((label, i) => [...label, ...Array.from({ length: 3072 }, (_, p) => (i + p) % 256)]),
  )

/** A .npy file. `data` is what lies behind the header. */
export function npy(descr: string, shape: readonly number[], data: Uint8Array, order = 'False'): Uint8Array {
  const dims = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${dims}, }`.padEnd(117)
  const text = new TextEncoder().encode(`${header}\n`)
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, text.length, 0, ...text, ...data])
}

export const bytesOf = (array: Float32Array | Float64Array | Int32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** A .npz file of these arrays, deflated or stored. */
export const npz = (arrays: Readonly<Record<string, Uint8Array>>, level: 0 | 6 = 6): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])), {
    level,
  })

/** A PNG file of [height, width, channels] values. */
export const png = (
  width: number,
  height: number,
  channels: 1 | 2 | 3 | 4,
  value: (i: number) => number = (i) => (i * 37) % 256,
  depth: 8 | 16 = 8,
): Uint8Array => {
  const length = width * height * channels
  const data = depth === 8 ? new Uint8Array(length) : new Uint16Array(length)
  for (let i = 0; i < length; i++) data[i] = value(i)
  return encodePng({ width, height, channels, depth, data })
}

/** A JPEG file of one colour. */
export const jpg = (width: number, height: number, rgb: readonly [number, number, number]): Uint8Array => {
  const data = new Uint8Array(width * height * 4)
  for (let i = 0; i < width * height; i++) data.set([...rgb, 255], 4 * i)
  return new Uint8Array(jpeg.encode({ width, height, data }, 95).data)
}
