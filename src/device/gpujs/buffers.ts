import { DeviceError } from '../../errors.ts'
import { describeAdapter, type Found, findAdapter } from './adapter.ts'
import { type Backend, plainRunner } from './backend.ts'
import type { BuiltKernel, GpuBuffer, GpuContext, GpuDevice, GpuJs } from './library.ts'

const MAP_READ = 0x0001
const COPY_SRC = 0x0004
const COPY_DST = 0x0008
const STORAGE = 0x0080

/** The webgpu mode: a value is a storage buffer. Calls give promises. */
export async function openBuffers(lib: GpuJs): Promise<Backend> {
  const shared = await joinDevice(lib)
  const { context } = shared
  const { device } = context
  const gpu = new lib.GPU({ mode: 'webgpu' })
  const check = (): void => {
    if (shared.fault)
      throw new DeviceError(`webgpu: the device reported a fault, got "${shared.fault}". Open it anew.`)
  }
  // Calls since the device was last known to have nothing to do.
  let queued = 0
  const backend: Backend = {
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
    create: (source, settings) =>
      gpu.createKernel(source, { ...settings, pipeline: true, immutable: true, dynamicArguments: true }),
    runner(shortcut, size) {
      const run = plainRunner(backend, shortcut, size)
      return (values, scalars) => {
        check()
        queued++
        return run(values, scalars)
      }
    },
    result(kernel, returned) {
      letGoOfResult(kernel)
      return returned as GpuBuffer
    },
    verify: check,
    bytes: () => 0,
    upload(data) {
      const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_SRC | COPY_DST })
      device.queue.writeBuffer(buffer, 0, data)
      return new lib.WebGPUBufferResult({
        buffer,
        output: [data.length],
        componentCount: 1,
        context,
        kernel: null,
      })
    },
    async read(value, size) {
      check()
      const bytes = size * 4
      const staging = device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST })
      const encoder = device.createCommandEncoder()
      encoder.copyBufferToBuffer((value as GpuBuffer).buffer, 0, staging, 0, bytes)
      device.queue.submit([encoder.finish()])
      await staging.mapAsync(MAP_READ).catch(async (cause) => {
        // It is the loss of the device that ends a mapping, and it may be told a little later.
        await Promise.race([device.lost, new Promise((done) => setTimeout(done, LOSS_TOLD_WITHIN))])
        throw cause
      })
      const numbers = new Float32Array(staging.getMappedRange().slice(0))
      staging.destroy()
      queued = 0
      check()
      return numbers
    },
    release: (value) => (value as GpuBuffer).delete(),
    evict: (kernel) => kernel.destroy(),
    catchUp() {
      if (queued < MOST_QUEUED) return undefined
      queued = 0
      // Where it is lost the next call says so.
      return device.queue.onSubmittedWorkDone().catch(() => {})
    },
    lost: () => shared.lost,
    async close() {
      await gpu.destroy()
      shared.leave()
    },
  }
  return backend
}

/** Buffers that were destroyed live on until the calls that use them have run. */
const MOST_QUEUED = 500

/** In milliseconds. */
const LOSS_TOLD_WITHIN = 1000

/** Otherwise every kernel would keep its last result alive, released or not. */
function letGoOfResult(kernel: BuiltKernel): void {
  if (!kernel.outputBuffer) return
  kernel.outputBuffer._refs--
  kernel.outputBuffer = null
}

interface SharedDevice {
  readonly context: GpuContext
  readonly found: Found
  fault: string | null
  /** Why the device is gone, where nobody here ended it. */
  lost: string | null
  users: number
  leave(): void
}

/** gpu.js builds all kernels on one device of the process, so all runtimes share it; the last one to leave ends it. */
let current: Promise<SharedDevice> | null = null

async function joinDevice(lib: GpuJs): Promise<SharedDevice> {
  current ??= openDevice(lib)
  try {
    const shared = await current
    shared.users++
    return shared
  } catch (cause) {
    current = null
    throw cause
  }
}

async function openDevice(lib: GpuJs): Promise<SharedDevice> {
  const found = await findAdapter()
  const { adapter } = found
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = adapter.limits
  const device = await adapter.requestDevice({
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage },
  })
  const context: GpuContext = { adapter, device, isLost: false }
  const shared: SharedDevice = {
    context,
    found,
    fault: null,
    lost: null,
    users: 0,
    leave() {
      if (--shared.users > 0 || context.isLost) return
      current = null
      context.isLost = true
      device.destroy()
    },
  }
  device.onuncapturederror = ({ error }) => {
    shared.fault ??= error.message
  }
  void device.lost.then(({ reason, message }) => {
    if (context.isLost) return
    context.isLost = true
    shared.lost = message || reason
    current = null
  })
  reportShadersByThrowing(device)
  // gpu.js would ask for its own device, with the default limits (7 arrays), and report faults on the console.
  lib.WebGPUContext.acquire = async () => context
  Object.defineProperty(lib.WebGPUContext, 'isSupported', { get: () => true, configurable: true })
  return shared
}

/** gpu.js asks each shader for its errors and throws them; uncaptured, they would also count as the device's fault. */
function reportShadersByThrowing(device: GpuDevice): void {
  const create = device.createShaderModule.bind(device)
  device.createShaderModule = (settings) => {
    device.pushErrorScope('validation')
    const shader = create(settings)
    void device.popErrorScope()
    return shader
  }
}
