import { DeviceError } from '../../errors.ts'
import { type Backend, plainRunner, type Runner } from './backend.ts'
import type { BuiltKernel, GpuJs, KernelClass, Shortcut } from './library.ts'
import { type ProbeRun, patchesComputeRight, patchWebAssembly } from './patches.ts'

/** The modes whose values are plain Float32Arrays: `cpu` and `webasm`. */
type ArrayMode = 'cpu' | 'webasm'

/** A quarter of what WebAssembly can address: two arguments of this size and a result still fit. */
const LONGEST = 2 ** 28

export function openArrays(lib: GpuJs, mode: ArrayMode): Backend {
  if (mode === 'webasm' && !lib.WebAssemblyKernel.isSupported) {
    throw new DeviceError('gpujs-wasm: this JavaScript engine has no WebAssembly. Use gpujs-cpu.')
  }
  const gpu = new lib.GPU({ mode })
  const create = (source: string, settings: object): Shortcut =>
    // Without dynamicArguments a kernel insists on the array lengths of its first call.
    gpu.createKernel(source, { ...settings, dynamicArguments: true })
  const patched = mode === 'webasm' && patchOnce(lib, create)
  const spare = new SpareArrays()
  const kernelClass: KernelClass = mode === 'cpu' ? lib.CPUKernel : lib.WebAssemblyKernel
  const plain = (shortcut: Shortcut, size: number) =>
    plainRunner(shortcut, (returned) => flatten(returned, size))
  return {
    kernelClass,
    maxKernels: 4096,
    // Each WebAssembly kernel has a memory of its own, with its arguments and its result.
    maxBytes: 2 ** 29,
    patched,
    describe: () => ({
      description:
        mode === 'cpu' ? 'gpu.js JavaScript' : `gpu.js WebAssembly SIMD${patched ? ', patched' : ''}`,
      software: false,
    }),
    limits: () => ({ maxSide1D: LONGEST, maxSide: [LONGEST, LONGEST, LONGEST], maxArrays: 32 }),
    create,
    firstRunner: plain,
    runner: (shortcut, size) =>
      (mode === 'webasm' && wasmRunner(lib, shortcut, size, spare, plain(shortcut, size))) ||
      plain(shortcut, size),
    verify: () => {},
    bytes: ({ _active }) => (_active ? _active.layout.outputOffset + _active.cells * 4 : 0),
    upload: (data) => data.slice(),
    read: (value) => (value as Float32Array).slice(),
    release(value) {
      // The cpu mode allocates its results itself.
      if (mode === 'webasm') spare.give(value as Float32Array)
    },
    evict: (kernel: BuiltKernel) => kernel.destroy(),
    lost: () => null,
    close: () => gpu.destroy(),
  }
}

/**
 * Runs a built WebAssembly kernel without gpu.js's own call, which joins strings and checks types every time: copy the
 * arguments into the module's memory, run, copy the result out. Array lengths other than the first call's take the
 * long way, since they need another module.
 */
function wasmRunner(
  lib: GpuJs,
  shortcut: Shortcut,
  size: number,
  spare: SpareArrays,
  longWay: Runner,
): Runner | null {
  const module = shortcut.kernel._active
  if (!module?.layout) return null
  const { f32, run, runSimd, cells, sizeX, layout } = module
  const arrays = Object.values(layout.arrays).sort((a, b) => a.index - b.index)
  const scalars = Object.values(layout.scalars).sort((a, b) => a.index - b.index)
  const output = layout.outputOffset / 4
  return (values, numbers) => {
    for (let i = 0; i < arrays.length; i++) {
      if ((values[i] as Float32Array).length !== arrays[i]!.flatLength) return longWay(values, numbers)
    }
    for (let i = 0; i < arrays.length; i++) f32.set(values[i] as Float32Array, arrays[i]!.offset / 4)
    for (let i = 0; i < scalars.length; i++) f32[scalars[i]!.offset / 4] = numbers[i]!
    lib.WebAssemblyKernel.dispatchSpans(run, runSimd, cells, sizeX, 0)
    const result = spare.take(size)
    result.set(f32.subarray(output, output + cells))
    return result
  }
}

/** Released arrays, for the next result of their size: new memory is slow at its first touch and makes garbage. */
class SpareArrays {
  readonly #bySize = new Map<number, Float32Array[]>()
  #numbers = 0

  take(size: number): Float32Array {
    const array = this.#bySize.get(size)?.pop()
    if (!array) return new Float32Array(size)
    this.#numbers -= size
    return array
  }

  give(array: Float32Array): void {
    const { length } = array
    if (this.#numbers + length > MOST_SPARE) {
      this.#bySize.clear()
      this.#numbers = 0
    }
    if (length > MOST_SPARE) return
    this.#numbers += length
    const same = this.#bySize.get(length)
    if (same) same.push(array)
    else this.#bySize.set(length, [array])
  }
}

/** In numbers: 256 MiB. */
const MOST_SPARE = 2 ** 26

/** Rows as one array: without copying where they are windows on one buffer. */
function flatten(returned: unknown, size: number): Float32Array {
  const rows = (Array.isArray(returned) ? returned.flat() : [returned]) as Float32Array<ArrayBuffer>[]
  const length = rows.reduce((sum, row) => sum + row.length, 0)
  if (length !== size) throw new Error(`it returned ${length} numbers instead of ${size}`)
  const [first] = rows
  if (first?.buffer.byteLength === size * 4) return new Float32Array(first.buffer)
  const flat = new Float32Array(size)
  let offset = 0
  for (const row of rows) {
    flat.set(row, offset)
    offset += row.length
  }
  return flat
}

/** The patches hold for the whole process: decided at the first opening. */
const decided = new WeakMap<GpuJs, boolean>()

function patchOnce(lib: GpuJs, create: (source: string, settings: object) => Shortcut): boolean {
  const known = decided.get(lib)
  if (known !== undefined) return known
  const run: ProbeRun = (source, grid, arrays) => {
    const shortcut = create(source, { output: [...grid], precision: 'single' })
    const returned = shortcut(...arrays)
    shortcut.kernel.destroy()
    return flatten(
      returned,
      grid.reduce((product, side) => product * side, 1),
    )
  }
  const patched = patchWebAssembly(lib.WebAssemblyFunctionNode, () => patchesComputeRight(run))
  decided.set(lib, patched)
  return patched
}
