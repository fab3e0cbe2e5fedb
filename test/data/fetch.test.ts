import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createTar } from 'nanotar'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchDataset, fetchSource } from '../../src/data/index.ts'
import { DataError, ValueError } from '../../src/errors.ts'
import { kdgrad } from '../support/run-cli.ts'
import { scratchFolder } from './files-support.ts'

const scratch = scratchFolder()
const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251)
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

/** What the server did, and how it is to misbehave. */
let server: Server
let mirror: string
let asked: { url: string; range: string | undefined }[]
let files: Record<string, Uint8Array>
/** Bytes after which the connection is cut, for one request each. */
let cuts: number[]
let ranges: boolean

beforeEach(async () => {
  asked = []
  files = { 'a.gz': content }
  cuts = []
  ranges = true
  server = createServer((request, response) => {
    const { range } = request.headers
    asked.push({ url: request.url!, range })
    const file = files[request.url!.split('/').at(-1)!]
    if (!file) return response.writeHead(404).end()
    const start = ranges && range ? Number(/bytes=(\d+)-/.exec(range)![1]) : 0
    if (start >= file.length) return response.writeHead(416).end()
    const rest = file.subarray(start)
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length })
    const cut = cuts.shift()
    if (cut === undefined) return response.end(rest)
    return response.write(rest.subarray(0, cut), () => setTimeout(() => request.socket.destroy(), 20))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const source = (sum = md5(content)) => ({ mirrors: [mirror], files: [{ name: 'a.gz', md5: sum }] })
const inFolder = () => readdirSync(scratch.path).sort()
/** By its checksum, as comparing 300,000 numbers takes seconds. */
const isWhole = () => md5(read('a.gz')) === md5(content)
const read = (name: string) => new Uint8Array(readFileSync(join(scratch.path, name)))

describe('fetchSource', () => {
  test('fetches a file, reports progress, and lets it be the next time', async () => {
    const seen: (number | undefined)[][] = []
    const options = {
      onProgress: (_: string, done: number, total: number | undefined) => seen.push([done, total]),
    }
    expect(await fetchSource(source(), scratch.path, options)).toEqual(['a.gz'])
    expect(isWhole()).toBe(true)
    expect(inFolder()).toEqual(['a.gz'])
    expect(seen.at(-1)).toEqual([300_000, 300_000])
    expect(await fetchSource(source(), scratch.path)).toEqual([])
    expect(asked).toHaveLength(1)
  })

  test('takes a connection that breaks up again where it broke', async () => {
    cuts = [100_000, 50_000]
    await fetchSource(source(), scratch.path)
    expect(isWhole()).toBe(true)
    expect(asked).toHaveLength(3)
    expect(asked[1]!.range).toMatch(/^bytes=[1-9]\d*-$/)
  })

  test('goes on with what an earlier run left', async () => {
    scratch.put('a.gz.part', content.subarray(0, 123_456))
    await fetchSource(source(), scratch.path)
    expect(asked.map(({ range }) => range)).toEqual(['bytes=123456-'])
    expect(isWhole()).toBe(true)
  })

  test('begins anew where the server knows no ranges, or the part is of another file', async () => {
    ranges = false
    scratch.put('a.gz.part', content.subarray(0, 1000))
    await fetchSource(source(), scratch.path)
    expect(isWhole()).toBe(true)
    ranges = true
    scratch.put('a.gz', Uint8Array.of(1))
    scratch.put('a.gz.part', new Uint8Array(1000))
    await fetchSource(source(), scratch.path)
    expect(isWhole()).toBe(true)
    scratch.put('a.gz', Uint8Array.of(1))
    scratch.put('a.gz.part', new Uint8Array(400_000))
    await fetchSource(source(), scratch.path)
    expect(isWhole()).toBe(true)
  })

  test('keeps what came of a connection that breaks each time', async () => {
    cuts = [100_000, 50_000, 10_000]
    await expect(fetchSource(source(), scratch.path)).rejects.toThrow(
      /^download: .*a.gz could not be fetched, got .+ from http.*\. Try again, which goes on where this ended/,
    )
    expect(inFolder()).toEqual(['a.gz.part'])
    await fetchSource(source(), scratch.path)
    expect(inFolder()).toEqual(['a.gz'])
  })

  test('refuses a wrong checksum, and keeps nothing of it', async () => {
    const sum = '0'.repeat(32)
    await expect(fetchSource(source(sum), scratch.path)).rejects.toThrow(
      `got a file with checksum ${md5(content)} instead of ${sum} from ${mirror}/a.gz`,
    )
    expect(inFolder()).toEqual([])
    expect(asked).toHaveLength(1)
  })

  test('a file that is not there is asked for once, and the next mirror has it', async () => {
    const both = { ...source(), mirrors: [`${mirror}/first`, mirror] }
    files = {}
    await expect(fetchSource(both, scratch.path)).rejects.toThrow(/got status 404 from .*, status 404 from /)
    expect(asked).toHaveLength(2)
    files = { 'a.gz': content }
    // Nobody listens at port 9, for discarding.
    await fetchSource({ ...both, mirrors: ['http://127.0.0.1:9/', mirror] }, scratch.path)
    expect(isWhole()).toBe(true)
  })

  test('a folder that cannot be, and a full disk, are said', async () => {
    const file = scratch.put('file', Uint8Array.of(1))
    await expect(fetchSource(source(), join(file, 'sub'))).rejects.toThrow(DataError)
    await expect(fetchSource(source(), join(file, 'sub'))).rejects.toThrow(
      /cannot be read or written, got ENOTDIR/,
    )
    // Linux has a file that is always full.
    if (!existsSync('/dev/full')) return
    symlinkSync('/dev/full', join(scratch.path, 'a.gz.part'))
    await expect(fetchSource(source(), scratch.path)).rejects.toThrow(
      /^download: .*a.gz.part cannot be read or written, got ENOSPC.*\. Free or choose another place\.$/,
    )
  })

  test('ends when it is told to', async () => {
    const abort = new AbortController()
    const options = { signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) }
    await expect(fetchSource(source(), scratch.path, options)).rejects.toThrow('enough')
    expect(inFolder()).toEqual(['a.gz.part'])
  })

  test('unpacks an archive, no file of it outside of the folder', async () => {
    const tar = createTar([
      { name: 'top/', attrs: { mode: '755' } },
      { name: 'top/one.bin', data: content.subarray(0, 700) },
      { name: '../../two.bin', data: content.subarray(0, 3) },
      { name: 'top/more.txt', data: 'more' },
    ])
    files['b.tar.gz'] = gzipSync(tar)
    const archive = { name: 'b.tar.gz', md5: md5(files['b.tar.gz']), members: ['one.bin', 'two.bin'] }
    expect(await fetchSource({ mirrors: [mirror], files: [archive] }, scratch.path)).toEqual(['b.tar.gz'])
    expect(inFolder()).toEqual(['one.bin', 'two.bin'])
    expect(read('one.bin')).toEqual(content.slice(0, 700))
    expect(await fetchSource({ mirrors: [mirror], files: [archive] }, scratch.path)).toEqual([])
    const lacking = { ...archive, members: ['three.bin'] }
    await expect(fetchSource({ mirrors: [mirror], files: [lacking] }, scratch.path)).rejects.toThrow(
      /lacks a file, got no three.bin/,
    )
    const none = { name: 'a.gz', md5: md5(content), members: ['one'] }
    await expect(fetchSource({ mirrors: [mirror], files: [none] }, scratch.path)).rejects.toThrow(
      /cannot be unpacked, got incorrect header check/,
    )
  })
})

test('fetchDataset knows four names', async () => {
  await expect(fetchDataset('imagenet', scratch.path)).rejects.toThrow(
    new ValueError(
      'fetchDataset: this data set cannot be fetched, got imagenet. Choose from mnist, fashion-mnist, cifar10, cifar100.',
    ),
  )
})

describe('kdgrad data fetch', () => {
  test('says what is wrong in a sentence', async () => {
    expect(await kdgrad(['data', 'fetch', 'cifar'])).toMatchObject({
      code: 2,
      err: 'name: there is no cifar. Did you mean cifar10? Choose from mnist, fashion-mnist, cifar10, cifar100.\n',
    })
    const { code, err } = await kdgrad([
      'data',
      'fetch',
      'mnist',
      '--data-dir',
      scratch.path,
      '--mirror',
      mirror,
    ])
    expect([code, err]).toEqual([2, expect.stringMatching(/^download: .* got status 404 from http.*\n$/)])
    expect(await kdgrad(['data', 'fetch', 'mnist', '--folder', 'x'])).toMatchObject({
      code: 2,
      err: "unknown option '--folder'\n",
    })
  })

  test('says where what is there already lies', async () => {
    for (const name of ['train.bin', 'test.bin', 'fine_label_names.txt', 'coarse_label_names.txt'])
      scratch.put(name, Uint8Array.of(1))
    expect(await kdgrad(['data', 'fetch', 'cifar100', '--data-dir', scratch.path])).toMatchObject({
      code: 0,
      out: `cifar100 was already in ${scratch.path}\n`,
    })
  })
})
