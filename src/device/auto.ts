import { DeviceError } from '../errors.ts'

/** What `auto` takes, and why that. */
export interface Choice {
  readonly name: 'webgpu' | 'cpu'
  readonly because: string
}

let choice: Promise<Choice> | undefined

/**
 * A real GPU where WebGPU has one, else the processor: never an adapter that is the processor in disguise. Asked once per
 * process. In Node, loading the drivers takes some 0.3 s where there may be a GPU and the package `webgpu` is installed.
 */
export function chooseAuto(): Promise<Choice> {
  choice ??= choose()
  return choice
}

/** Makes `auto` the processor from now on: the GPU does not open. */
export function refuseGpu(because: string): void {
  choice = Promise.resolve({ name: 'cpu', because })
}

/** Asks anew. */
export async function choose(): Promise<Choice> {
  if (!mayHaveGpu()) return { name: 'cpu', because: 'there is no GPU in /dev' }
  const { describeAdapter, findAdapter } = await import('./gpujs/adapter.ts')
  try {
    const { description, software } = describeAdapter((await findAdapter()).adapter)
    return software
      ? { name: 'cpu', because: `webgpu's adapter is ${description}` }
      : { name: 'webgpu', because: description }
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
    return { name: 'cpu', because: 'webgpu is absent' }
  }
}

/** What GPUs are called in Linux's /dev: any by its render node, NVIDIA's in containers, AMD's, those behind WSL. */
const GPU_NODES = /^(dri|nvidia\d+|kfd|dxg)$/

/** On Linux without one, drivers would only be loaded to complain on the terminal; elsewhere nobody knows beforehand. */
function mayHaveGpu(): boolean {
  const { navigator, process } = globalThis as { navigator?: { gpu?: object }; process?: NodeJS.Process }
  if (navigator?.gpu || process?.platform !== 'linux') return true
  const files = process.getBuiltinModule?.('node:fs')
  return !files || files.readdirSync('/dev').some((name) => GPU_NODES.test(name))
}
