import { Buffer } from 'node:buffer'
import { crc32, deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeImage, loadFolder } from '../../src/data/index.ts'
import { DataError } from '../../src/errors.ts'
import { jpg, png, scratchFolder } from './files-support.ts'

const scratch = scratchFolder()

/** A PNG file made by hand, as the encoder has neither palettes nor few bits. */
function handmade(header: readonly number[], chunks: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const all = [['IHDR', Uint8Array.from(header)] as const, ...chunks, ['IEND', new Uint8Array(0)] as const]
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
      ...all.map(([type, data]) => chunk(type, data)),
    ]),
  )
}
const header = (width: number, height: number, depth: number, type: number, interlace = 0) => {
  const sizes = Buffer.alloc(8)
  sizes.writeUInt32BE(width)
  sizes.writeUInt32BE(height, 4)
  return [...sizes, depth, type, 0, 0, interlace]
}

describe('decodeImage', () => {
  test('PNG: grey, with transparency, colours, 16 bits', () => {
    expect(decodeImage(png(2, 1, 1), 'a')).toEqual({
      width: 2,
      height: 1,
      channels: 1,
      pixels: Uint8Array.of(0, 37),
    })
    expect(decodeImage(png(2, 1, 2), 'a').pixels).toEqual(Uint8Array.of(0, 74))
    const colour = { width: 2, height: 1, channels: 3 }
    expect(decodeImage(png(2, 1, 3), 'a')).toEqual({
      ...colour,
      pixels: Uint8Array.of(0, 111, 37, 148, 74, 185),
    })
    expect(decodeImage(png(2, 1, 4), 'a')).toEqual({
      ...colour,
      pixels: Uint8Array.of(0, 148, 37, 185, 74, 222),
    })
    expect(
      decodeImage(
        png(2, 1, 1, (i) => 0x1234 + 0x1000 * i, 16),
        'a',
      ).pixels,
    ).toEqual(Uint8Array.of(0x12, 0x22))
  })

  test('PNG: a palette, and pixels of a single bit', () => {
    const palette = Uint8Array.of(1, 2, 3, 4, 5, 6)
    const rows = deflateSync(Uint8Array.of(0, 0b01000000, 0, 0b10000000))
    const coloured = handmade(header(2, 2, 1, 3), [
      ['PLTE', palette],
      ['IDAT', rows],
    ])
    expect(decodeImage(coloured, 'a')).toMatchObject({
      channels: 3,
      pixels: Uint8Array.of(1, 4, 4, 1, 2, 5, 5, 2, 3, 6, 6, 3),
    })
    const grey = handmade(header(2, 2, 1, 0), [['IDAT', rows]])
    expect(decodeImage(grey, 'a')).toMatchObject({ channels: 1, pixels: Uint8Array.of(0, 255, 255, 0) })
  })

  test('PNG: of one colour, which packs to a thousandth', () => {
    const side = 1000
    const rows = deflateSync(new Uint8Array((3 * side + 1) * side), { level: 9 })
    const black = handmade(header(side, side, 8, 2), [['IDAT', rows]])
    expect(black.length).toBeLessThan(3100)
    expect(decodeImage(black, 'a').pixels.every((v) => v === 0)).toBe(true)
  })

  test('JPEG: colours to within its compression', () => {
    const { width, height, channels, pixels } = decodeImage(jpg(16, 8, [200, 100, 50]), 'a')
    expect([width, height, channels]).toEqual([16, 8, 3])
    for (const [c, value] of [200, 100, 50].entries())
      for (const v of pixels.subarray(c * 128, (c + 1) * 128)) expect(Math.abs(v - value)).toBeLessThan(4)
  })

  const bomb = handmade(header(1, 1, 8, 0), [['IDAT', deflateSync(new Uint8Array(7e7))]])
  const damaged = png(4, 4, 3)
  damaged[50]! ^= 255
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'is neither a PNG nor a JPEG file'],
    ['a GIF', Uint8Array.from(Buffer.from('GIF89a')), 'is neither a PNG nor a JPEG file'],
    ['a cut PNG', png(4, 4, 3).subarray(0, 60), 'is cut short'],
    ['a PNG with a wrong checksum', damaged, 'is a damaged PNG file'],
    ['a PNG of no pixels', handmade(header(0, 4, 8, 0), []), 'must have 1 to 16777216 pixels, got 0 x 4'],
    ['a PNG of far too many', handmade(header(2 ** 31, 2 ** 31, 8, 0), []), 'must have 1 to'],
    [
      'a PNG that lies',
      handmade(header(4000, 4000, 8, 2), [['IDAT', new Uint8Array(9)]]),
      'claims a size that',
    ],
    ['a PNG that unpacks to far more', bomb, 'unpacks to more than its size'],
    ['interlaced bits', handmade(header(8, 8, 1, 0, 1), []), 'is interlaced'],
    ['a cut JPEG', jpg(16, 16, [9, 9, 9]).subarray(0, 300), 'is a damaged JPEG file'],
    ['a JPEG without a frame', Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), 'has no frame header'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeImage(bytes, 'a')).toThrow(DataError)
    expect(() => decodeImage(bytes, 'a')).toThrow(`decodeImage: a ${message}`)
  })

  test('a JPEG that lies about its size is refused', () => {
    const bytes = jpg(16, 16, [9, 9, 9])
    const frame = bytes.findIndex((b, i) => b === 0xff && bytes[i + 1] === 0xc0)
    bytes.set([0x0f, 0xff, 0x0f, 0xff], frame + 5)
    expect(() => decodeImage(bytes, 'a')).toThrow(/claims a size that its bytes cannot hold, got 4095 x 4095/)
  })
})

describe('loadFolder', () => {
  test('reads train and test by class, classes in the order of their names', () => {
    scratch.put('train/dog/1.png', png(2, 2, 3))
    scratch.put('train/cat/b.jpg', jpg(2, 2, [0, 0, 0]))
    scratch.put('train/cat/a.PNG', png(2, 2, 1))
    scratch.put('train/cat/notes.txt', new Uint8Array(3))
    scratch.put('test/dog/1.png', png(2, 2, 1))
    const { train, test: held, normalisation } = loadFolder(scratch.path)
    expect(train).toMatchObject({ classNames: ['cat', 'dog'], shape: [3, 2, 2], size: 3, classes: 2 })
    expect([...train.labels]).toEqual([0, 0, 1])
    expect([...held.labels]).toEqual([1])
    expect(normalisation.mean).toHaveLength(3)
    expect(train.images.reduce((a, b) => a + b)).toBeCloseTo(0, 4)
  })

  test('classes without a split have a test set held out', () => {
    for (const name of ['a', 'b'])
      for (let i = 0; i < 5; i++)
        scratch.put(
          `${name}/${i}.png`,
          png(1, 1, 1, () => i),
        )
    const { train, test: held } = loadFolder(scratch.path)
    expect([train.size, held.size]).toEqual([8, 2])
    expect([...held.labels]).toEqual([0, 1])
  })

  test('refuses what is no such folder', () => {
    expect(() => loadFolder(scratch.path)).toThrow(/must hold a folder per class, got none/)
    scratch.put('train/a/1.png', png(1, 1, 1))
    expect(() => loadFolder(scratch.path)).toThrow(/must hold both train and test, got only train/)
    scratch.put('test/b/1.png', png(1, 1, 1))
    expect(() => loadFolder(scratch.path)).toThrow(/must have classes of .* alone, got b/)
    scratch.put('train/b/1.bmp', png(1, 1, 1))
    expect(() => loadFolder(scratch.path)).toThrow(/b must hold PNG or JPEG files, got none/)
  })

  test('refuses images of different sizes and damaged ones by their names', () => {
    scratch.put('a/1.png', png(2, 2, 1))
    const other = scratch.put('a/2.png', png(2, 3, 1))
    expect(() => loadFolder(scratch.path)).toThrow(`2 x 3 in ${other}`)
    scratch.put('a/2.png', new Uint8Array(9))
    expect(() => loadFolder(scratch.path)).toThrow(`decodeImage: ${other} is neither`)
  })
})
