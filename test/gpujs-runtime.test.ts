import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { patchWebAssembly } from '../src/device/gpujs/patches.ts'
import {
  type GpuMode,
  type Handle,
  type KernelText,
  openRuntime,
  type Runtime,
} from '../src/device/gpujs/runtime.ts'
import { DeviceError } from '../src/errors.ts'
import { chooseSoftware, leaveSoftware } from './support/webgpu.ts'

chooseSoftware()
// Declared first, so that it comes last.
afterAll(leaveSoftware)

const MODES: readonly GpuMode[] = ['webasm', 'cpu', 'webgpu', 'headlessgl', 'webgl2']

/** What an absent mode must say. The other modes exist everywhere. */
const ABSENT: Partial<Record<GpuMode, RegExp>> = {
  webgpu:
    /^webgpu: (no adapter found\. Install a Vulkan driver, or set VK_ICD_FILENAMES to a software adapter\.|there is no navigator\.gpu and the package webgpu does not load, got ".*"\. In Node run npm install webgpu; in a browser use one with WebGPU\.)$/,
  headlessgl:
    /^headlessgl: (the optional package gl is not installed or not built, got ".*"\. Install the headers of .*, then run npm rebuild gl --ignore-scripts=false\.|no OpenGL context can be opened\. Set DISPLAY to an X server, or start kdgrad under xvfb-run -a\.)$/,
  webgl2: /^webgl2: only a browser has it, and this is none\. In Node use cpu, webgpu or headlessgl\.$/,
}

const ramp = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => ((i * 7) % 23) - 11)
const kernel = (source: string, grid: readonly number[], arrays = 1, scalars = 0): KernelText => ({
  name: 'sample',
  source,
  grid,
  arrays,
  scalars,
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(MODES)('gpu.js mode %s', (mode) => {
  let runtime: Runtime
  let absent: unknown
  beforeAll(async () => {
    await openRuntime(mode).then(
      (opened) => {
        runtime = opened
      },
      (error: unknown) => {
        absent = error
      },
    )
  })
  afterAll(async () => {
    await runtime?.close()
  })

  it('opens, or says why it is absent and what to do', () => {
    if (runtime) return expect(runtime.mode).toBe(mode)
    expect(absent).toBeInstanceOf(DeviceError)
    expect((absent as DeviceError).message).toMatch(ABSENT[mode] ?? /^nothing: this mode is everywhere$/)
  })

  const check = (what: string, body: () => Promise<void>): void => {
    it(what, async (context) => {
      if (!runtime) context.skip((absent as Error).message)
      await body()
    })
  }
  const call = async (text: KernelText, arrays: readonly Float32Array[], scalars: readonly number[] = []) => {
    const handles = await Promise.all(arrays.map((array) => runtime.upload(array)))
    return runtime.read(await runtime.compile(text)(handles, scalars))
  }
  const values = async (handle: Handle | Promise<Handle>): Promise<number[]> => [
    ...(await runtime.read(await handle)),
  ]

  check('says what it runs on and what fits', async () => {
    expect(runtime.description).not.toBe('')
    expect(runtime.patched).toBe(mode === 'webasm')
    expect(runtime.limits.maxArrays).toBeGreaterThanOrEqual(7)
    expect(runtime.limits.maxSide1D).toBeGreaterThanOrEqual(2 ** 24)
  })

  check('takes and gives flat arrays on grids of one, two and three dimensions', async () => {
    const a = ramp(70)
    for (const grid of [[70], [7, 10], [10, 7], [7, 5, 2], [1, 70], [1, 1, 70], [70, 1], [35, 1, 2]]) {
      const [width = 1, height = 1] = grid
      const index = `this.thread.x + ${width} * (this.thread.y + ${height} * this.thread.z)`
      const flat = { 1: 'this.thread.x', 2: `this.thread.y * ${width} + this.thread.x`, 3: index }[
        grid.length
      ]
      const result = await call(kernel(`function (a) { return a[${flat}] * 2.0; }`, grid), [a])
      expect(result).toEqual(a.map((value) => value * 2))
    }
  })

  check('feeds results of any rank to later kernels as flat arrays', async () => {
    const a = await runtime.upload(ramp(24))
    const double = (grid: number[], index: string) =>
      runtime.compile(kernel(`function (a) { return a[${index}] * 2.0; }`, grid))
    const one = double([24], 'this.thread.x')
    const three = double([4, 3, 2], 'this.thread.x + this.thread.y * 4 + this.thread.z * 12')
    const two = double([6, 4], 'this.thread.x + this.thread.y * 6')
    const chained = await two([await three([await one([a], [])], [])], [])
    expect(await values(chained)).toEqual([...ramp(24)].map((value) => value * 8))
    expect(await values(one([chained], []))).toEqual([...ramp(24)].map((value) => value * 16))
  })

  check('keeps earlier results when a kernel runs again, also on its own output', async () => {
    const step = runtime.compile(
      kernel('function (a, s) { return a[this.thread.y * 3 + this.thread.x] + s; }', [3, 2], 1, 1),
    )
    const start = await runtime.upload(new Float32Array(6))
    const first = await step([start], [1])
    const second = await step([start], [2.5])
    const third = await step([second], [-4])
    expect(await values(first)).toEqual(Array(6).fill(1))
    expect(await values(second)).toEqual(Array(6).fill(2.5))
    expect(await values(third)).toEqual(Array(6).fill(-1.5))
    runtime.release(second)
    const fourth = await step([third], [8])
    expect(await values(fourth)).toEqual(Array(6).fill(6.5))
    expect(await values(third)).toEqual(Array(6).fill(-1.5))
  })

  check('copies what is uploaded and what is read', async () => {
    const data = Float32Array.of(1, 2, 3)
    const handle = await runtime.upload(data)
    data.fill(9)
    const read = await runtime.read(handle)
    read.fill(7)
    expect(await values(handle)).toEqual([1, 2, 3])
  })

  check('runs kernels without arguments, with a literal result and with many arrays', async () => {
    expect([...(await call(kernel('function () { return this.thread.x; }', [5], 0), []))]).toEqual([
      0, 1, 2, 3, 4,
    ])
    expect([...(await call(kernel('function () { return 0; }', [3], 0), []))]).toEqual([0, 0, 0])
    const count = Math.min(runtime.limits.maxArrays, 20)
    const names = Array.from({ length: count }, (_, i) => `x${i}`)
    const add = runtime.compile(
      kernel(
        `function (${names.join()}) { return ${names.map((x) => `${x}[this.thread.x]`).join(' + ')}; }`,
        [9],
        count,
      ),
    )
    const handles = await Promise.all(names.map((_, i) => runtime.upload(new Float32Array(9).fill(i + 1))))
    const total = (count * (count + 1)) / 2
    for (let repeat = 0; repeat < 3; repeat++) {
      const result = await add(handles, [])
      expect(await values(result)).toEqual(Array(9).fill(total))
    }
  })

  check('takes arrays of other lengths than at the first call', async () => {
    const text = kernel('function (a) { return a[this.thread.x] + 1; }', [3])
    expect([...(await call(text, [ramp(3)]))]).toEqual([...ramp(3)].map((value) => value + 1))
    expect([...(await call(text, [ramp(50)]))]).toEqual([...ramp(3)].map((value) => value + 1))
    expect([...(await call(text, [ramp(4)]))]).toEqual([...ramp(3)].map((value) => value + 1))
    expect([...(await call(text, [ramp(3)]))]).toEqual([...ramp(3)].map((value) => value + 1))
  })

  check('never looks at the array where a ternary guards it', async () => {
    const source = `function (a) {
      return (this.thread.x >= 1 && this.thread.x < 9) ? a[this.thread.x - 1] : 0.0;
    }`
    expect([...(await call(kernel(source, [11]), [ramp(8)]))]).toEqual([0, ...ramp(8), 0, 0])
    const rows = `function (a) {
      return (this.thread.y >= 2 && this.thread.y < 5) ? a[(this.thread.y - 2) * 6 + this.thread.x] : 0.0;
    }`
    const empty = Array(12).fill(0)
    expect([...(await call(kernel(rows, [6, 7]), [ramp(18)]))]).toEqual([...empty, ...ramp(18), ...empty])
  })

  check('loops as far as the literal says', async () => {
    const source = `function (a) {
      let s = 0.0;
      for (let k = 0; k < 5000; k++) { s += a[this.thread.x]; }
      return s;
    }`
    expect([...(await call(kernel(source, [2]), [Float32Array.of(1, 2)]))]).toEqual([5000, 10000])
  })

  check('answers calls that were not awaited one by one', async () => {
    const a = await runtime.upload(ramp(4))
    const scale = runtime.compile(kernel('function (a, s) { return a[this.thread.x] * s; }', [4], 1, 1))
    const results = await Promise.all([1, 2, 3].map(async (s) => values(scale([a], [s]))))
    expect(results).toEqual([1, 2, 3].map((s) => [...ramp(4)].map((value) => value * s)))
  })

  check('says which kernel failed, why, and nothing on the console', async () => {
    const said = ['log', 'warn', 'error'].map((channel) =>
      vi.spyOn(console, channel as 'log').mockImplementation(() => {}),
    )
    const broken = kernel('function (a) { return nothingLikeThis(a[this.thread.x]); }', [5])
    const call5 = async () => values(runtime.compile(broken)([await runtime.upload(ramp(5))], []))
    await expect(call5).rejects.toThrow(
      new RegExp(`^${mode}: the kernel sample cannot be run, got ".+"\\. Use another device\\.$`),
    )
    await expect(call5).rejects.toBeInstanceOf(DeviceError)
    const fine = kernel('function (a) { return a[this.thread.x]; }', [5])
    expect(await call(fine, [ramp(5)])).toEqual(ramp(5))
    for (const spy of said) expect(spy).not.toHaveBeenCalled()
  })

  check('refuses what does not fit', async () => {
    const { maxArrays, maxSide } = runtime.limits
    const a = await runtime.upload(ramp(4))
    const text = kernel('function (a) { return a[this.thread.x]; }', [4])
    expect(() => runtime.compile(kernel(text.source, [0]))).toThrow(
      `${mode}: the kernel sample has a grid that does not fit, got [0]. Stay within [${runtime.limits.maxSide1D}].`,
    )
    expect(() => runtime.compile(kernel(text.source, [2, maxSide[1] + 1]))).toThrow(DeviceError)
    expect(() => runtime.compile(kernel(text.source, [4], maxArrays + 1))).toThrow(
      `${mode}: the kernel sample reads too many arrays, got ${maxArrays + 1}. Stay within ${maxArrays}.`,
    )
    expect(() => runtime.compile(text)([a, a], [])).toThrow(
      `${mode}: the kernel sample is called wrongly, got 2 arrays and 0 numbers. Pass 1 arrays and 0 numbers.`,
    )
    expect(() => runtime.upload(new Float32Array(0))).toThrow(
      `${mode}: cannot hold an array of this length, got 0. Keep between 1 and ${runtime.limits.maxSide1D} numbers.`,
    )
    runtime.release(a)
    runtime.release(a)
    expect(() => runtime.compile(text)([a], [])).toThrow(
      `${mode}: a handle cannot be used, got a released one. Upload the array again.`,
    )
    const other = await openRuntime('cpu')
    const foreign = await other.upload(ramp(4))
    expect(() => runtime.read(foreign)).toThrow(
      `${mode}: a handle cannot be used, got one of another device. Upload the array again.`,
    )
    await other.close()
    expect(() => other.upload(ramp(4))).toThrow('cpu: the device is closed. Open it again.')
  })

  check('can be open twice; closing one leaves the other', async () => {
    const second = await openRuntime(mode)
    const text = kernel('function (a) { return a[this.thread.x] - 1; }', [3])
    expect([...(await second.read(await second.compile(text)([await second.upload(ramp(3))], [])))]).toEqual(
      [...ramp(3)].map((value) => value - 1),
    )
    await second.close()
    await second.close()
    expect([...(await call(text, [ramp(3)]))]).toEqual([...ramp(3)].map((value) => value - 1))
  })
})

describe('webasm', () => {
  it('forgets the kernels that are longest unused, and builds them again when they are called', async () => {
    const { GPU } = await import('gpu.js')
    const runtime = await openRuntime('webasm')
    const built = vi.spyOn(GPU.prototype, 'createKernel')
    const input = await runtime.upload(ramp(2 ** 24))
    // Each holds its argument, 64 MiB: half a GiB is passed by the eighth.
    const kernels = Array.from({ length: 9 }, (_, i) =>
      runtime.compile(kernel(`function (a) { return a[this.thread.x] + ${i}; }`, [3])),
    )
    const first = async (i: number) => (await runtime.read(await kernels[i]!([input], [])))[0]
    for (let i = 0; i < 9; i++) expect(await first(i)).toBe(i - 11)
    expect(built).toHaveBeenCalledTimes(9)
    expect(await first(8)).toBe(8 - 11)
    expect(built).toHaveBeenCalledTimes(9)
    expect(await first(0)).toBe(-11)
    expect(built).toHaveBeenCalledTimes(10)
    await runtime.close()
  })

  it('reuses the memory of released results only', async () => {
    const runtime = await openRuntime('webasm')
    const a = await runtime.upload(ramp(8))
    const scale = runtime.compile(kernel('function (a, s) { return a[this.thread.x] * s; }', [8], 1, 1))
    const kept = await scale([a], [2])
    for (let i = 0; i < 5; i++) runtime.release(await scale([a], [i]))
    const last = await scale([kept], [3])
    expect([...(await runtime.read(kept))]).toEqual([...ramp(8)].map((value) => value * 2))
    expect([...(await runtime.read(last))]).toEqual([...ramp(8)].map((value) => value * 6))
    await runtime.close()
  })
})

describe('the patches of gpu.js', () => {
  const method = () => 'stock'
  const target = () => ({
    prototype: { emitFunction: method, emitVectorFunction: method, vGather: method } as Record<
      string,
      unknown
    >,
  })

  it('stay where the self-test passes', () => {
    const { prototype } = target()
    expect(patchWebAssembly({ prototype }, () => prototype.vGather !== method)).toBe(true)
    expect(prototype.emitFunction).not.toBe(method)
  })

  it.each([
    ['is wrong', () => false],
    [
      'traps',
      () => {
        throw new WebAssembly.RuntimeError('memory access out of bounds')
      },
    ],
  ])('are taken back where a kernel %s', (_, selfTest) => {
    const { prototype } = target()
    expect(patchWebAssembly({ prototype }, selfTest)).toBe(false)
    expect(Object.values(prototype)).toEqual([method, method, method])
  })

  it('leave a gpu.js alone that looks different', () => {
    expect(patchWebAssembly(undefined, () => true)).toBe(false)
    expect(patchWebAssembly({ prototype: { vGather: method } }, () => true)).toBe(false)
  })
})

describe('a process', () => {
  it.each(['webasm', 'webgpu'] as const)('ends by itself after %s, closed or not', async (mode) => {
    const runtime = fileURLToPath(new URL('../src/device/gpujs/runtime.ts', import.meta.url))
    const script = `
      import { openRuntime } from ${JSON.stringify(runtime)}
      try {
        const runtime = await openRuntime('${mode}')
        await (await openRuntime('${mode}')).close()
        console.log([...await runtime.read(await runtime.upload(Float32Array.of(1, 2)))].join())
      } catch (error) { console.log(error.name) }`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      { timeout: 20_000 },
    )
    expect(['1,2\n', 'DeviceError\n']).toContain(stdout)
  })
})
