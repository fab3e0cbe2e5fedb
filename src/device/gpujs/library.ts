import type { PatchTarget } from './patches.ts'

/**
 * gpu.js 2.24.1 as far as it is used here. Its own types are poor (`input` is a type only, `loopMaxIterations` is
 * missing, nothing private is there), so runtime.ts casts the package to these once. Members marked private may
 * change with any version: that is why the version is pinned.
 */
export interface GpuJs {
  readonly GPU: (new (settings: { mode: string }) => Gpu) & { readonly isWebGL2Supported: boolean }
  readonly CPUKernel: KernelClass
  readonly HeadlessGLKernel: GlKernelClass
  readonly WebGL2Kernel: GlKernelClass
  readonly WebGPUKernel: KernelClass
  readonly WebGPUContext: { acquire: () => Promise<GpuContext>; readonly isSupported: boolean }
  readonly WebAssemblyKernel: KernelClass & {
    readonly isSupported: boolean
    dispatchSpans(run: WasmRun, runSimd: WasmRun | null, cells: number, width: number, seed: number): string
  }
  readonly WebAssemblyFunctionNode?: PatchTarget
}

export interface KernelClass {
  readonly mode: string
}

export interface GlKernelClass extends KernelClass {
  readonly isSupported: boolean
  readonly features: { readonly maxTextureSize: number }
}

export interface Gpu {
  readonly context: Gl | null
  createKernel(source: string, settings: object): Shortcut
  destroy(): Promise<void>
}

/** What createKernel returns: it builds at the first call, and may then stand for another kernel than before. */
export interface Shortcut {
  (...args: unknown[]): unknown
  readonly kernel: BuiltKernel
}

export interface BuiltKernel {
  readonly constructor: KernelClass
  readonly fallbackReason: string | null
  readonly gpu: { readonly kernels: unknown[] }
  destroy(): void
  /** webasm, private: the module in use, with the arguments laid out in its own memory. */
  readonly _active?: WasmModule | null
  /** GL, private. */
  readonly program?: object
  readonly vertShader?: object
  readonly fragShader?: object
  readonly framebuffer?: object
  readonly buffer?: object
  readonly texture?: Texture | null
  readonly kernelArguments?: readonly { destroy(): void }[]
}

/** A kernel of the mode webgpu; the members are private. */
export interface WebGpuKernel extends BuiltKernel {
  /** Generates the code and builds the pipeline for arguments such as these; once only. */
  build(...args: readonly unknown[]): Promise<void>
  readonly computePipeline: object
  readonly bindGroupLayout: object
  /** The sides of the grid, x first, filled up with 1. */
  readonly threadDim: readonly [number, number, number]
  /** Where the parameters lie in their buffer, in bytes: after the sides and the width. */
  readonly paramsLayout: {
    readonly arrayArgs: readonly { readonly dimsOffset: number }[]
    readonly scalarArgs: readonly { readonly offset: number }[]
    readonly byteLength: number
  }
  _computeDispatch(sides: readonly number[]): {
    readonly groups: [number, number, number]
    readonly dispatchWidth: number
  }
  paramsBuffer: GpuBuffer | null
  outputBuffer: GpuBuffer | null
}

export type WasmRun = (start: number, end: number, seed: number) => void

export interface WasmModule {
  readonly f32: Float32Array
  readonly run: WasmRun
  readonly runSimd: WasmRun | null
  readonly cells: number
  readonly sizeX: number
  /** Offsets in bytes. */
  readonly layout: {
    readonly arrays: Readonly<Record<string, { index: number; offset: number; flatLength: number }>>
    readonly scalars: Readonly<Record<string, { index: number; offset: number }>>
    readonly outputOffset: number
  }
}

/** A GL result: one number per texel, in its first channel. */
export interface Texture {
  readonly texture: object
  readonly size: readonly [width: number, height: number]
  delete(): void
}

/** The members of WebGLRenderingContext used here; headless-gl's context is not an instance of it. */
export type Gl = Pick<
  WebGLRenderingContext,
  | 'getParameter'
  | 'isContextLost'
  | 'getExtension'
  | 'getProgramParameter'
  | 'deleteProgram'
  | 'deleteShader'
  | 'createFramebuffer'
  | 'bindFramebuffer'
  | 'framebufferTexture2D'
  | 'readPixels'
  | 'deleteFramebuffer'
  | 'deleteBuffer'
>

/** A context of the mode webgl2. */
export type Gl2 = Gl &
  Pick<
    WebGL2RenderingContext,
    | 'readPixels'
    | 'createBuffer'
    | 'bindBuffer'
    | 'bufferData'
    | 'getBufferSubData'
    | 'fenceSync'
    | 'clientWaitSync'
    | 'deleteSync'
    | 'flush'
  >

export interface GpuBuffer {
  mapAsync(mode: number): Promise<void>
  getMappedRange(): ArrayBuffer
  destroy(): void
}

export interface ComputePass {
  setPipeline(pipeline: object): void
  setBindGroup(index: number, group: object): void
  dispatchWorkgroups(x: number, y: number, z: number): void
  end(): void
}

export interface GpuContext {
  readonly adapter: GpuAdapter
  readonly device: GpuDevice
  isLost: boolean
}

export interface GpuAdapter {
  readonly limits: Readonly<Record<GpuLimit, number>>
  readonly info?: {
    readonly vendor?: string
    readonly architecture?: string
    readonly device?: string
    readonly description?: string
    readonly isFallbackAdapter?: boolean
  }
  requestDevice(settings: object): Promise<GpuDevice>
}

export type GpuLimit =
  | 'maxStorageBufferBindingSize'
  | 'maxBufferSize'
  | 'maxStorageBuffersPerShaderStage'
  | 'maxComputeWorkgroupsPerDimension'
  | 'minUniformBufferOffsetAlignment'

export interface GpuDevice {
  readonly limits: Readonly<Record<GpuLimit, number>>
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, offset: number, data: Float32Array | Uint8Array): void
    submit(commands: readonly unknown[]): void
    onSubmittedWorkDone(): Promise<void>
  }
  pushErrorScope(filter: 'validation'): void
  popErrorScope(): Promise<unknown>
  createShaderModule(settings: object): object
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null
  createBuffer(settings: object): GpuBuffer
  createBindGroup(settings: object): object
  createCommandEncoder(): {
    beginComputePass(): ComputePass
    copyBufferToBuffer(
      from: GpuBuffer,
      fromOffset: number,
      to: GpuBuffer,
      toOffset: number,
      bytes: number,
    ): void
    finish(): unknown
  }
  destroy(): void
}

/** navigator.gpu, or what the `webgpu` package makes in Node. */
export interface GpuEntry {
  requestAdapter(settings: object): Promise<GpuAdapter | null>
}
