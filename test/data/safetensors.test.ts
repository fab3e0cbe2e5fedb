import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsData,
  type SafetensorsEntry,
} from '../../src/data/index.ts'
import { DataError, ShapeError, ValueError } from '../../src/errors.ts'

// Damage is cheap to try, and seldom lands where it matters.
const manyRuns = { numRuns: Math.max(1000, fc.readConfigureGlobal().numRuns ?? 0) }

const shapes = fc.array(fc.nat(4), { maxLength: 3 })
const entries: fc.Arbitrary<SafetensorsEntry> = shapes.chain((shape) => {
  const length = shape.reduce((product, n) => product * n, 1)
  const size = { minLength: length, maxLength: length }
  return fc
    .oneof<fc.Arbitrary<SafetensorsData>[]>(
      fc.float32Array({ ...size, noNaN: true }),
      fc.float64Array({ ...size, noNaN: true }),
      fc.int32Array(size),
    )
    .map((data) => ({ shape, data }))
})
const names = fc
  .oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', 'toString', '7', '', '\n"\\', '層.0.weight', '\ud800'),
  )
  .filter((name) => name !== '__metadata__')
const tensorMaps = fc.array(fc.tuple(names, entries), { maxLength: 6 }).map((pairs) => new Map(pairs))
const metadataRecords = fc.dictionary(names, fc.string(), { maxKeys: 4 })

/** A file with this header, as text or as an object, and this many data bytes. */
function file(header: unknown, dataBytes: number, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}
const f32 = (begin: number, end: number, shape = [(end - begin) / 4]): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

describe('round trip', () => {
  test('every name, shape, type and element comes back, and the metadata', () => {
    fc.assert(
      fc.property(tensorMaps, metadataRecords, (tensors, metadata) => {
        const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata), 'file')
        expect(new Set(decoded.tensors.keys())).toEqual(new Set(tensors.keys()))
        for (const [name, { shape, data }] of tensors) {
          const read = decoded.tensors.get(name)!
          expect(read.shape).toEqual(shape)
          expect(read.data.constructor).toBe(data.constructor)
          expect([...read.data].every((v, i) => Object.is(v, data[i]))).toBe(true)
        }
        expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort())
      }),
    )
  })

  test('NaN, infinities and -0 survive', () => {
    const data = new Float32Array([Number.NaN, Number.POSITIVE_INFINITY, -0])
    const read = decodeSafetensors(encodeSafetensors(new Map([['x', { shape: [3], data }]])), 'file')
    expect(read.tensors.get('x')!.data).toEqual(data)
  })

  test('decodes from any place in a buffer, into memory of its own', () => {
    const bytes = encodeSafetensors(new Map([['x', { shape: [1], data: new Float64Array([3]) }]]))
    const buffer = new Uint8Array(bytes.length + 3)
    buffer.set(bytes, 3)
    const { tensors } = decodeSafetensors(buffer.subarray(3), 'file')
    buffer.fill(0)
    expect(tensors.get('x')!.data).toEqual(new Float64Array([3]))
  })
})

describe('the bytes', () => {
  test('are those of the format', () => {
    const tensors = new Map<string, SafetensorsEntry>([
      ['b', { shape: [2], data: new Float32Array([1, -2]) }],
      ['n', { shape: [], data: new Int32Array([258]) }],
    ])
    const header =
      '{"__metadata__":{"format":"kd"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"n":{"dtype":"I32","shape":[],"data_offsets":[8,12]}}'
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8)
    expect([...encodeSafetensors(tensors, { format: 'kd' })]).toEqual([
      ...[padded.length, 0, 0, 0, 0, 0, 0, 0],
      ...new TextEncoder().encode(padded),
      ...[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0],
      ...[2, 1, 0, 0],
    ])
  })

  test('keep every array at a multiple of its element size', () => {
    fc.assert(
      fc.property(tensorMaps, (tensors) => {
        const bytes = encodeSafetensors(tensors)
        const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true))
        expect(headerBytes % 8).toBe(0)
        const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)))
        for (const { dtype, data_offsets } of Object.values<{ dtype: string; data_offsets: number[] }>(
          header,
        ))
          expect(data_offsets[0]! % (dtype === 'F64' ? 8 : 4)).toBe(0)
      }),
    )
  })

  test('of no tensors are a header alone', () => {
    expect(encodeSafetensors(new Map()).length).toBe(16)
    expect(decodeSafetensors(encodeSafetensors(new Map()), 'file')).toEqual({
      tensors: new Map(),
      metadata: {},
    })
  })
})

describe('hostile names', () => {
  test('are plain keys', () => {
    const bytes = file(`{"__metadata__":{"__proto__":"m"},"__proto__":${JSON.stringify(f32(0, 4))}}`, 4)
    const { tensors, metadata } = decodeSafetensors(bytes, 'file')
    expect([...tensors.keys()]).toEqual(['__proto__'])
    expect(Object.keys(metadata)).toEqual(['__proto__'])
    expect(metadata.constructor).toBeUndefined()
    expect(({} as Record<string, unknown>).dtype).toBeUndefined()
  })
})

test('changed bytes either still fit or are refused with a DataError', () => {
  const edits = fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)),
    {
      maxLength: 4,
    },
  )
  fc.assert(
    fc.property(tensorMaps, edits, fc.option(fc.nat(300)), (tensors, changes, keep) => {
      const bytes = encodeSafetensors(tensors).slice(0, keep ?? undefined)
      for (const [place, value] of changes)
        if (bytes.length > 0) bytes[Math.floor(place * bytes.length)] = value
      expectTensorsOrRefusal(bytes)
    }),
    manyRuns,
  )
})

test('half floats and 64-bit integers of PyTorch are read', () => {
  const read = (dtype: string, bytes: readonly number[]) => {
    const whole = file({ x: { dtype, shape: [], data_offsets: [0, bytes.length] } }, bytes.length)
    whole.set(bytes, whole.length - bytes.length)
    return decodeSafetensors(whole, 'halves').tensors.get('x')!.data[0]
  }
  expect(read('F16', [0x00, 0x3c])).toBe(1)
  expect(read('F16', [0x01, 0x80])).toBe(-(2 ** -24))
  expect(read('F16', [0xff, 0x7b])).toBe(65504)
  expect(read('F16', [0x00, 0xfc])).toBe(Number.NEGATIVE_INFINITY)
  expect(read('F16', [0x01, 0x7c])).toBeNaN()
  expect(read('BF16', [0x80, 0x3f])).toBe(1)
  expect(read('BF16', [0x49, 0xc0])).toBe(-3.140625)
  expect(read('I64', [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])).toBe(-2)
})

test('any JSON for a header is read or refused with a DataError', () => {
  const tensor = fc.record(
    {
      dtype: fc.constantFrom<unknown>('F32', 'F64', 'I32', 'BF16', 'F16', 'I64', 'U8', null, 3),
      shape: fc.oneof(fc.array(fc.oneof(fc.nat(3), fc.double(), fc.constant(2 ** 52))), fc.jsonValue()),
      data_offsets: fc.oneof(fc.tuple(fc.nat(20), fc.nat(20)), fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  const header = fc.oneof(fc.dictionary(fc.string(), fc.oneof(tensor, fc.jsonValue())), fc.jsonValue())
  fc.assert(
    fc.property(header, fc.nat(20), (value, dataBytes) => expectTensorsOrRefusal(file(value, dataBytes))),
    manyRuns,
  )
})

test('a header nested deeper than the stack is refused', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  expectTensorsOrRefusal(file(deep, 0))
  expectTensorsOrRefusal(file(`{"x":${deep}}`, 0))
  expectTensorsOrRefusal(file(`{"x":{"dtype":${deep}}}`, 0))
})

function expectTensorsOrRefusal(bytes: Uint8Array): void {
  try {
    const { tensors } = decodeSafetensors(bytes, 'file')
    const read = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
    expect(read).toBeLessThanOrEqual(bytes.length)
  } catch (error) {
    expect(error).toBeInstanceOf(DataError)
    expect((error as DataError).message).toMatch(/^decodeSafetensors: file .*, got .+\. [A-Z].*\.$/s)
  }
}

const AGAIN = 'Download or save it again.'
test.each<[string, Uint8Array, string]>([
  ['nothing', new Uint8Array(3), `is cut short: its first 8 bytes are a length, got 3 bytes. ${AGAIN}`],
  [
    'a header length that lies',
    file({}, 0, 2n ** 63n),
    `claims a header longer than the file or than the format allows, got 9223372036854775808 of 10 bytes. ${AGAIN}`,
  ],
  ['no JSON', file('{"x":', 0), `has a header that is not JSON, got "{\\"x\\":". ${AGAIN}`],
  ['an array', file('[1, {}]', 0), `has a header that is not an object, got [1, …]. ${AGAIN}`],
  [
    'metadata that is not text',
    file({ __metadata__: { epoch: 3 } }, 0),
    `has metadata other than text by name, got an object. ${AGAIN}`,
  ],
  [
    'a tensor that is not described',
    file({ x: null }, 0),
    `describes tensor "x" by something that is not an object, got null. ${AGAIN}`,
  ],
  [
    'another dtype',
    file({ x: { ...f32(0, 4), dtype: 'F8_E4M3' } }, 4),
    'describes tensor "x" by a dtype other than F32, F64, F16, BF16, I32, I64, got "F8_E4M3". Convert it first.',
  ],
  [
    'a negative size',
    file({ x: f32(0, 4, [-1]) }, 4),
    `describes tensor "x" by no shape, got [-1]. ${AGAIN}`,
  ],
  [
    'offsets the wrong way round',
    file({ x: f32(4, 0, [1]) }, 4),
    `describes tensor "x" by no pair of data_offsets in order, got [4, 0]. ${AGAIN}`,
  ],
  [
    'a shape that does not fit',
    file({ x: f32(0, 8, [3]) }, 8),
    `describes tensor "x" by a shape and data_offsets that differ in size, got F32 [3] of 12 bytes and 8 bytes. ${AGAIN}`,
  ],
  [
    'an end past the file',
    file({ x: f32(0, 4_000_000_000) }, 8),
    `is cut short: tensor "x" ends at data byte 4000000000, got 8 data bytes. ${AGAIN}`,
  ],
  [
    'an overlap',
    file({ x: f32(0, 8), y: f32(4, 12) }, 12),
    `has tensor "y" overlapping another, got a begin of 4 where the one before ends at 8. ${AGAIN}`,
  ],
  [
    'a gap',
    file({ x: f32(0, 4), y: f32(8, 12) }, 12),
    `has tensor "y" behind a gap, got a begin of 8 where the one before ends at 4. ${AGAIN}`,
  ],
  [
    'bytes left over',
    file({ x: f32(0, 4) }, 9),
    `has bytes that belong to no tensor: they take 4, got 9 data bytes. ${AGAIN}`,
  ],
])('decoding refuses %s', (_, bytes, message) => {
  expect(() => decodeSafetensors(bytes, 'net.safetensors')).toThrow(
    new DataError(`decodeSafetensors: net.safetensors ${message}`),
  )
})

test('encoding refuses data that does not fit its shape, the reserved name and metadata that is not text', () => {
  const data = new Float32Array(3)
  expect(() => encodeSafetensors(new Map([['x', { shape: [2], data }]]))).toThrow(
    new ShapeError(
      'encodeSafetensors: the shape of "x" does not fit its data, got [2] and 3 elements. Pass as many elements as the shape says.',
    ),
  )
  expect(() => encodeSafetensors(new Map([['__metadata__', { shape: [3], data }]]))).toThrow(
    new ValueError(
      'encodeSafetensors: the format keeps this name for itself, got __metadata__. Rename the tensor.',
    ),
  )
  expect(() => encodeSafetensors(new Map(), JSON.parse('{"epoch":3}'))).toThrow(
    new ValueError('encodeSafetensors: metadata must be text, got 3 for "epoch". Turn it into a string.'),
  )
})
