import { Buffer } from 'node:buffer'
import { crc32, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkDataset,
  decodeImage,
  decodeSafetensors,
  encodeSafetensors,
  type LoadedData,
  loadCifar10,
  loadCifar100,
  loadFolder,
  loadMnist,
  loadNpz,
} from '../../src/data/index.ts'
import { KdgradError } from '../../src/errors.ts'
import { bytesOf, cifar, jpg, npy, npz, png, scratchFolder } from './files-support.ts'

// What a reader makes of damaged files: data that are sound, or a KdgradError; never another error, never much memory.
// `npm run fuzz` tries 10,000 of each.

const scratch = scratchFolder()
const MOST_MEMORY = 2 ** 28
const HOUR = 3_600_000
const timeout = process.env.RUNS ? HOUR : 60_000

/** Bytes changed in a way that files are damaged, or that headers lie. */
type Change = (bytes: Uint8Array) => Uint8Array

/** A place in any file, more often near its beginning or its end, where headers are. */
const place = fc.oneof(
  fc.nat(80).map((n) => (size: number) => Math.min(n, size)),
  fc.nat(80).map((n) => (size: number) => Math.max(size - n, 0)),
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => (size: number) => Math.floor(share * size)),
)
const words = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff)

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, value]): Change =>
      (bytes) => {
        const out = bytes.slice()
        if (at(out.length) < out.length) out[at(out.length)] = value
        return out
      },
  ),
  fc.tuple(place, words, fc.boolean()).map(
    ([at, value, little]): Change =>
      (bytes) => {
        const out = bytes.slice()
        const start = Math.min(at(out.length), out.length - 4)
        if (start >= 0) new DataView(out.buffer).setUint32(start, value, little)
        return out
      },
  ),
  place.map(
    (at): Change =>
      (bytes) =>
        bytes.slice(0, at(bytes.length)),
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 20 })).map(
    ([at, extra]): Change =>
      (bytes) =>
        Uint8Array.from([
          ...bytes.subarray(0, at(bytes.length)),
          ...extra,
          ...bytes.subarray(at(bytes.length)),
        ]),
  ),
  fc.tuple(place, place).map(
    ([from, to]): Change =>
      (bytes) => {
        const [a, b] = [from(bytes.length), to(bytes.length)]
        return Uint8Array.from([...bytes.subarray(0, Math.max(a, b)), ...bytes.subarray(Math.min(a, b))])
      },
  ),
)

/** One of `files` with one to four changes. */
const damaged = <T extends string>(files: Readonly<Record<T, Uint8Array>>) =>
  fc
    .tuple(fc.constantFrom(...(Object.keys(files) as T[])), fc.array(changes, { minLength: 1, maxLength: 4 }))
    .map(([name, all]) => ({ name, bytes: all.reduce((bytes, change) => change(bytes), files[name]) }))

const held = () => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

/** Runs `read`: either `check` holds for what it gives, or it throws a KdgradError in our form. */
function endsWell<T>(read: () => T, check: (result: T) => void): void {
  const before = held()
  let result: T
  try {
    result = read()
  } catch (error) {
    expect(error).toBeInstanceOf(KdgradError)
    expect((error as Error).message).toMatch(/^\w+: .+, got .+\. [A-Z].*\.$/s)
    return
  } finally {
    expect(held() - before).toBeLessThan(MOST_MEMORY)
  }
  check(result)
}

const sound = ({ train, test: rest }: LoadedData) => {
  checkDataset(train)
  checkDataset(rest)
}

const idx = (shape: readonly number[], data: readonly number[]) =>
  Uint8Array.from([0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, 0, n]), ...data])

test('IDX', { timeout }, () => {
  const images = idx(
    [2, 3, 3],
    Array.from({ length: 18 }, (_, i) => i * 14),
  )
  const labels = idx([2], [7, 0])
  const files = {
    'train-images-idx3-ubyte': images,
    'train-labels-idx1-ubyte': labels,
    't10k-images-idx3-ubyte': gzipSync(images),
    't10k-labels-idx1-ubyte': gzipSync(labels),
  }
  fc.assert(
    fc.property(damaged(files), ({ name, bytes }) => {
      for (const [file, whole] of Object.entries(files)) scratch.put(file, file === name ? bytes : whole)
      endsWell(() => loadMnist(scratch.path), sound)
    }),
  )
})

test('CIFAR', { timeout }, () => {
  const files = {
    'data_batch_1.bin': cifar([[3], [9]]),
    'test_batch.bin.gz': gzipSync(cifar([[0]])),
    'train.bin': cifar([[3, 99]]),
    'test.bin': cifar([[19, 0]]),
  }
  fc.assert(
    fc.property(damaged(files), ({ name, bytes }) => {
      for (const [file, whole] of Object.entries(files)) scratch.put(file, file === name ? bytes : whole)
      endsWell(() => loadCifar10(scratch.path), sound)
      endsWell(() => loadCifar100(scratch.path), sound)
    }),
  )
})

test('npz', { timeout }, () => {
  const bytes = npy(
    '|u1',
    [4, 2, 2],
    Uint8Array.from({ length: 16 }, (_, i) => i),
  )
  const floats = npy('<f4', [4, 1, 2, 2], bytesOf(Float32Array.from({ length: 16 }, (_, i) => i / 16)))
  const labels = npy('<i8', [4], bytesOf(BigInt64Array.of(0n, 1n, 0n, 1n)))
  const both = { x_train: bytes, y_train: labels, x_test: bytes, y_test: labels }
  const files = {
    stored: npz(both, 0),
    deflated: npz({ ...both, x_train: floats, x_test: floats }),
    one: npz({ images: bytes, labels }, 0),
  }
  fc.assert(
    fc.property(damaged(files), ({ bytes }) => {
      const path = scratch.put('d.npz', bytes)
      endsWell(() => loadNpz(path), sound)
    }),
  )
})

/** The chunks of a PNG file with their checksums made right, so that the damage goes deeper. */
function repaired(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes)
  for (let at = 8; at + 12 <= out.length; ) {
    const end = at + 8 + out.readUInt32BE(at)
    if (end + 4 > out.length) break
    out.writeUInt32BE(crc32(out.subarray(at + 4, end)), end)
    at = end + 4
  }
  return new Uint8Array(out)
}

/** Colours by number, interlaced: what the encoder has not. */
function palette(): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)])
  }
  const header = Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 2, 8, 3, 0, 0, 1)
  return repaired(
    Buffer.concat([
      png(1, 1, 1).subarray(0, 8),
      chunk('IHDR', header),
      chunk('PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6)),
      chunk('IDAT', deflateSync(Uint8Array.of(0, 1, 0, 0, 0, 1, 0))),
      chunk('IEND', new Uint8Array(0)),
    ]),
  )
}

describe('images', () => {
  const files = {
    grey: png(4, 3, 1),
    colour: png(5, 4, 3),
    deep: png(3, 3, 4, (i) => i * 999, 16),
    palette: palette(),
    jpeg: jpg(16, 16, [200, 100, 50]),
  }
  const whole = ({ width, height, channels, pixels }: ReturnType<typeof decodeImage>) =>
    expect(pixels.length).toBe(width * height * channels)

  test('PNG and JPEG', { timeout }, () => {
    expect(decodeImage(files.palette, 'file')).toMatchObject({ width: 2, height: 2, channels: 3 })
    fc.assert(
      fc.property(damaged(files), fc.boolean(), ({ bytes }, repair) => {
        endsWell(() => decodeImage(repair ? repaired(bytes) : bytes, 'file'), whole)
      }),
    )
  })

  test('in a folder', { timeout }, () => {
    fc.assert(
      fc.property(damaged(files), ({ bytes }) => {
        scratch.put('a/1.png', files.grey)
        scratch.put('a/2.png', repaired(bytes))
        endsWell(() => loadFolder(scratch.path), sound)
      }),
    )
  })
})

test('safetensors', { timeout }, () => {
  const files = {
    two: encodeSafetensors(
      new Map([
        ['w', { shape: [2, 3], data: new Float32Array(6) }],
        ['step', { shape: [], data: Int32Array.of(7) }],
      ]),
      { epoch: '3' },
    ),
    wide: encodeSafetensors(new Map([['x', { shape: [2], data: Float64Array.of(1, 2) }]])),
  }
  fc.assert(
    fc.property(damaged(files), ({ bytes }) => {
      endsWell(
        () => decodeSafetensors(bytes, 'file'),
        ({ tensors }) => {
          for (const { shape, data } of tensors.values())
            expect(data.length).toBe(shape.reduce((product, n) => product * n, 1))
        },
      )
    }),
  )
})
