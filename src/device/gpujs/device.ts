import type { Device, DeviceBuffer } from '../device.ts'
import type { TextStep } from '../text/text.ts'
import { textCompiler } from '../text-device.ts'
import { type GpuMode, type Handle, openRuntime, type Runtime } from './runtime.ts'

/** A gpu.js mode behind the device interface: prints kernels as text and has gpu.js generate the code. */
export async function openGpuJs(name: string, mode: GpuMode): Promise<Device> {
  const runtime = await openRuntime(mode, name)
  return {
    name,
    precision: 'float32',
    description: runtime.description,
    manual: mode !== 'webasm' && mode !== 'cpu',
    // gpu.js takes at most seven arrays.
    fusion: { inputs: 7, rich: false, recompute: Infinity },
    compile: textCompiler({
      limits: {
        side: runtime.limits.maxSide,
        exact: 2 ** 24,
        // llvmpipe, Mesa's software renderer, counts the rounds of all loops of a shader down from here. The renderer of
        // headless-gl is not told, and under xvfb it is that one.
        ...(mode === 'headlessgl' && { rounds: 2 ** 16 - 1 }),
      },
      build: (step) => build(runtime, step),
      empty: () => runtime.upload(nothing),
      release: (buffer) => runtime.release(buffer as Handle),
    }),
    upload: (data) => runtime.upload(data.length === 0 ? nothing : Float32Array.from(data)),
    read: (buffer) => runtime.read(buffer as Handle),
    release: (buffer: DeviceBuffer) => runtime.release(buffer as Handle),
    relieve: () => runtime.relieve(),
    get lost() {
      return runtime.lost
    },
    close: () => runtime.close(),
  }
}

// gpu.js has no empty arrays; nothing ever reads this one.
const nothing = new Float32Array(1)

/**
 * JavaScript computes in float64 what a kernel joins: rounded like everywhere else, what is equal on two sides of a
 * difference stays equal though one of them was stored in between.
 */
const rounded = (body: string) => body.replace(/let (v\w*) = ([^;]+);/g, 'let $1 = Math.fround($2);')

function build(runtime: Runtime, { name, grid, arrays, scalars, body }: TextStep) {
  const names = [...arrays.map((_, i) => `x${i}`), ...Array.from({ length: scalars }, (_, i) => `s${i}`)]
  const own = runtime.mode === 'cpu' ? rounded(body) : body
  const statements = own.replace(/\$([xyz])/g, 'this.thread.$1')
  const run = runtime.compile({
    name,
    source: `function (${names.join(', ')}) { ${statements} }`,
    grid,
    arrays: arrays.length,
    scalars,
  })
  return (buffers: readonly DeviceBuffer[], numbers: readonly number[]) => run(buffers as Handle[], numbers)
}
