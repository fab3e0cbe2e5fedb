import { describeAdapter } from './adapter.ts'
import type { Backend, Value } from './backend.ts'
import { BufferPool, type Pooled } from './buffer-pool.ts'
import type { GpuJs, WebGpuKernel } from './library.ts'
import { Recorder } from './recorder.ts'
import { joinDevice } from './shared-device.ts'

const MAP_READ = 0x0001
const COPY_DST = 0x0008

/**
 * The webgpu mode: a value is a storage buffer. gpu.js generates and builds the kernels; their calls are recorded here
 * and submitted together.
 */
export async function openBuffers(lib: GpuJs): Promise<Backend> {
  const shared = await joinDevice(lib)
  const { context } = shared
  const { device } = context
  const gpu = new lib.GPU({ mode: 'webgpu' })
  const pool = new BufferPool(device)
  const recorder = new Recorder(device, () => pool.submitted())
  // Calls since the device was last known to have nothing to do.
  let queued = 0

  const runner = (kernel: WebGpuKernel, size: number) => {
    const record = recorder.of(kernel)
    return (values: readonly Value[], scalars: readonly number[]): Pooled => {
      shared.check()
      queued++
      const pooled = values as readonly Pooled[]
      const result = pool.take(size * 4)
      const sizes = pooled.map(({ bytes }) => bytes / 4)
      record(
        pooled.map(({ buffer }) => buffer),
        sizes,
        result.buffer,
        scalars,
      )
      return result
    }
  }

  return {
    kernelClass: lib.WebGPUKernel,
    maxKernels: 1024,
    maxBytes: Number.POSITIVE_INFINITY,
    patched: false,
    describe: () => describeAdapter(context.adapter),
    limits() {
      const { limits } = device
      const groups = limits.maxComputeWorkgroupsPerDimension
      return {
        maxSide1D: Math.floor(Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) / 4),
        // gpu.js's workgroups are 8 by 8 by 1.
        maxSide: [groups * 8, groups * 8, groups],
        // One binding is the result.
        maxArrays: limits.maxStorageBuffersPerShaderStage - 1,
      }
    },
    create: (source, settings) => gpu.createKernel(source, { ...settings, pipeline: true }),
    firstRunner:
      ({ kernel }, size) =>
      async (values, scalars) => {
        const built = kernel as WebGpuKernel
        await built.build(...values.map(() => STAND_IN), ...scalars)
        letGoOfBuffers(built)
        if ((values as readonly Pooled[]).some(({ idleSince }) => idleSince !== null))
          throw new Error('an argument was released while it was built')
        return runner(built, size)(values, scalars)
      },
    runner: ({ kernel }, size) => runner(kernel as WebGpuKernel, size),
    verify: () => shared.check(),
    bytes: () => 0,
    upload(data) {
      const pooled = pool.takeSettled(data.byteLength)
      device.queue.writeBuffer(pooled.buffer, 0, data)
      return pooled
    },
    async read(value, size) {
      shared.check()
      const bytes = size * 4
      const staging = device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST })
      recorder.copyAndSubmit((value as Pooled).buffer, staging, bytes)
      await staging.mapAsync(MAP_READ).catch(async (cause) => {
        // It is the loss of the device that ends a mapping, and it may be told a little later.
        await Promise.race([device.lost, new Promise((done) => setTimeout(done, LOSS_TOLD_WITHIN))])
        throw cause
      })
      const numbers = new Float32Array(staging.getMappedRange().slice(0))
      staging.destroy()
      queued = 0
      shared.check()
      return numbers
    },
    release: (value) => pool.give(value as Pooled),
    evict: (kernel) => kernel.destroy(),
    relieve() {
      if (pool.pressure.high) return pool.pressure.relieve()
      if (queued < MOST_QUEUED) return undefined
      queued = 0
      recorder.submit()
      // Where it is lost the next call says so.
      return device.queue.onSubmittedWorkDone().catch(() => {})
    },
    lost: () => shared.lost,
    async close() {
      recorder.close()
      pool.close()
      await gpu.destroy()
      shared.leave()
    },
  }
}

/** What gpu.js is shown of an argument when it builds a kernel: that it is an array. */
const STAND_IN = new Float32Array(1)

/** A program that never waits for results would otherwise run ahead without end. */
const MOST_QUEUED = 500

/** In milliseconds. */
const LOSS_TOLD_WITHIN = 1000

/** gpu.js's own calls would use these two; one of them is as large as a result. */
function letGoOfBuffers(kernel: WebGpuKernel): void {
  kernel.outputBuffer?.destroy()
  kernel.outputBuffer = null
  kernel.paramsBuffer?.destroy()
  kernel.paramsBuffer = null
}
