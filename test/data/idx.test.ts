import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readIdx } from '../../src/data/index.ts'
import { DataError } from '../../src/errors.ts'

/** The bytes of an IDX file with this header, whether or not `data` fits it. */
function idx(shape: readonly number[], data: readonly number[], type = 8): Uint8Array {
  const dims = shape.flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255])
  return Uint8Array.from([0, 0, type, shape.length, ...dims, ...data])
}

// Damage is cheap to try, and seldom lands where it matters.
const manyRuns = { numRuns: Math.max(1000, fc.readConfigureGlobal().numRuns ?? 0) }

const shapes = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 })
const files = shapes.chain((shape) => {
  const length = shape.reduce((product, n) => product * n, 1)
  return fc
    .array(fc.nat(255), { minLength: length, maxLength: length })
    .map((data) => ({ shape, data, bytes: idx(shape, data) }))
})

test('gives the shape and the elements, from any place in a buffer', () => {
  fc.assert(
    fc.property(files, fc.nat(7), ({ shape, data, bytes }, offset) => {
      const buffer = new Uint8Array(offset + bytes.length + 3).fill(9)
      buffer.set(bytes, offset)
      const read = readIdx(buffer.subarray(offset, offset + bytes.length), 'file')
      expect(read.shape).toEqual(shape)
      expect([...read.data]).toEqual(data)
    }),
  )
})

test('takes no memory of its own: the data is a view of the bytes', () => {
  const bytes = idx([2], [5, 6])
  expect(readIdx(bytes, 'file').data.buffer).toBe(bytes.buffer)
})

test('changed bytes either still fit or are refused with a DataError', () => {
  const edits = fc.array(fc.tuple(fc.nat(30), fc.nat(255)), { maxLength: 4 })
  fc.assert(
    fc.property(files, edits, fc.nat(40), ({ bytes }, changes, keep) => {
      const changed = bytes.slice(0, Math.max(keep, 0))
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value
      expectDataOrRefusal(changed)
    }),
    manyRuns,
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), expectDataOrRefusal), manyRuns)
})

function expectDataOrRefusal(bytes: Uint8Array): void {
  try {
    const { shape, data } = readIdx(bytes, 'file')
    expect(data.length).toBe(shape.reduce((product, n) => product * n, 1))
  } catch (error) {
    expect(error).toBeInstanceOf(DataError)
    expect((error as DataError).message).toMatch(/^readIdx: file .*, got .+\. [A-Z].*\.$/)
  }
}

test.each<[string, Uint8Array, string]>([
  [
    'nothing',
    new Uint8Array(0),
    'is cut short: an IDX header has at least 4 bytes, got 0. Download it again.',
  ],
  [
    'another format',
    Uint8Array.from([0x1f, 0x8b, 8, 0]),
    'is not an IDX file, which begins with the bytes 00 00, got 1f 8b. Check that it is the right file.',
  ],
  [
    'floats',
    idx([1], [0, 0, 0, 0], 0x0d),
    'must hold unsigned bytes (type code 08), got 0d (float32). Convert it, or check that it is the right file.',
  ],
  [
    'an unknown type',
    idx([1], [0], 7),
    'must hold unsigned bytes (type code 08), got 07. Convert it, or check that it is the right file.',
  ],
  ['no dims', idx([], [1]), 'must have at least one dim, got 0. Download it again.'],
  [
    'half a header',
    idx([1, 2], []).subarray(0, 9),
    'is cut short: its header of 2 dims has 12 bytes, got 9. Download it again.',
  ],
  [
    'too few elements',
    idx([2, 3], [1, 2, 3]),
    'is cut short: [2, 3] takes 18 bytes, got 15. Download it again.',
  ],
  [
    'a size that lies',
    idx([60_000, 28, 28], [1]),
    'is cut short: [60000, 28, 28] takes 47040016 bytes, got 17. Download it again.',
  ],
  [
    'too many elements',
    idx([2], [1, 2, 3]),
    'has bytes left over: [2] takes 10 bytes, got 11. Download it again.',
  ],
  [
    'dims that overflow',
    idx([0xffffffff, 0xffffffff, 0xffffffff], []),
    'claims more elements than can be counted, got [4294967295, 4294967295, 4294967295]. Download it again.',
  ],
  [
    'dims that overflow behind a zero',
    idx([0xffffffff, 0xffffffff, 0], []),
    'claims more elements than can be counted, got [4294967295, 4294967295, 0]. Download it again.',
  ],
])('refuses %s', (_, bytes, message) => {
  expect(() => readIdx(bytes, 'train-images')).toThrow(new DataError(`readIdx: train-images ${message}`))
})
