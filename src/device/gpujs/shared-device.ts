import { DeviceError } from '../../errors.ts'
import { type Found, findAdapter } from './adapter.ts'
import type { GpuContext, GpuDevice, GpuJs } from './library.ts'

export interface SharedDevice {
  readonly context: GpuContext
  readonly found: Found
  fault: string | null
  /** Why the device is gone, where nobody here ended it. */
  lost: string | null
  users: number
  /** Throws what the device has reported since it was opened. */
  check(): void
  leave(): void
}

/** gpu.js builds all kernels on one device of the process, so all runtimes share it; the last one to leave ends it. */
let current: Promise<SharedDevice> | null = null

export async function joinDevice(lib: GpuJs): Promise<SharedDevice> {
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
    check() {
      if (shared.fault)
        throw new DeviceError(`webgpu: the device reported a fault, got "${shared.fault}". Open it anew.`)
    },
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
