import type { ComputePass, GpuBuffer, GpuDevice, WebGpuKernel } from './library.ts'

const UNIFORM = 0x0040
const COPY_DST = 0x0008

/** Bytes of parameters between two submissions: room for a thousand calls. */
const PARAMETERS = 2 ** 18

/** Records one call: the buffers of its arguments with their sizes in numbers, the buffer of its result, its numbers. */
export type Record = (
  buffers: readonly GpuBuffer[],
  sizes: readonly number[],
  result: GpuBuffer,
  scalars: readonly number[],
) => void

/**
 * Calls of kernels that gpu.js has generated and built, gathered in one compute pass and handed to the GPU in one
 * submission, with all their parameters in one write. gpu.js itself submits every call, and writes its parameters, by
 * itself. What is recorded is submitted before the program waits for anything.
 */
export class Recorder {
  readonly #device: GpuDevice
  readonly #submitted: () => void
  readonly #parameters: GpuBuffer
  readonly #bytes = new ArrayBuffer(PARAMETERS)
  readonly #whole = new Uint32Array(this.#bytes)
  readonly #real = new Float32Array(this.#bytes)
  #used = 0
  #encoder: ReturnType<GpuDevice['createCommandEncoder']> | null = null
  #pass: ComputePass | null = null

  /** `submitted` is called after each submission. */
  constructor(device: GpuDevice, submitted: () => void) {
    this.#device = device
    this.#submitted = submitted
    this.#parameters = device.createBuffer({ size: PARAMETERS, usage: UNIFORM | COPY_DST })
  }

  /** How to record calls of a built kernel. */
  of(kernel: WebGpuKernel): Record {
    const { computePipeline, bindGroupLayout, threadDim, paramsLayout } = kernel
    const { arrayArgs, scalarArgs, byteLength } = paramsLayout
    const { groups, dispatchWidth } = kernel._computeDispatch(threadDim)
    return (buffers, sizes, result, scalars) => {
      const offset = this.#room(byteLength)
      const at = offset / 4
      this.#whole.set(threadDim, at)
      this.#whole[at + 3] = dispatchWidth
      arrayArgs.forEach(({ dimsOffset }, i) => {
        this.#whole.set([sizes[i]!, 1, 1, sizes[i]!], at + dimsOffset / 4)
      })
      scalarArgs.forEach((scalar, i) => {
        this.#real[at + scalar.offset / 4] = scalars[i]!
      })
      const parameters = { buffer: this.#parameters, offset, size: byteLength }
      const resources = [parameters, ...buffers.map((buffer) => ({ buffer })), { buffer: result }]
      const pass = this.#passNow()
      pass.setPipeline(computePipeline)
      pass.setBindGroup(
        0,
        this.#device.createBindGroup({
          layout: bindGroupLayout,
          entries: resources.map((resource, binding) => ({ binding, resource })),
        }),
      )
      pass.dispatchWorkgroups(...groups)
    }
  }

  /** Copies a buffer behind everything recorded so far, and submits it all. */
  copyAndSubmit(from: GpuBuffer, to: GpuBuffer, bytes: number): void {
    this.#encoderNow()
    this.#endPass()
    this.#encoder!.copyBufferToBuffer(from, 0, to, 0, bytes)
    this.submit()
  }

  submit(): void {
    if (!this.#encoder) return
    this.#endPass()
    if (this.#used > 0)
      this.#device.queue.writeBuffer(this.#parameters, 0, new Uint8Array(this.#bytes, 0, this.#used))
    this.#device.queue.submit([this.#encoder.finish()])
    this.#encoder = null
    this.#used = 0
    this.#submitted()
  }

  close(): void {
    this.#encoder = null
    this.#pass = null
    this.#parameters.destroy()
  }

  /** Where the parameters of the next call go, in bytes. */
  #room(bytes: number): number {
    if (this.#used + bytes > PARAMETERS) this.submit()
    const offset = this.#used
    const unit = this.#device.limits.minUniformBufferOffsetAlignment
    this.#used = Math.ceil((offset + bytes) / unit) * unit
    return offset
  }

  #encoderNow() {
    if (!this.#encoder) {
      this.#encoder = this.#device.createCommandEncoder()
      queueMicrotask(() => this.submit())
    }
    return this.#encoder
  }

  #passNow(): ComputePass {
    this.#pass ??= this.#encoderNow().beginComputePass()
    return this.#pass
  }

  #endPass(): void {
    this.#pass?.end()
    this.#pass = null
  }
}
