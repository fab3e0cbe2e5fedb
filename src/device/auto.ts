import { DeviceError } from '../errors.ts'

/** What `auto` takes, and why that. */
export interface Choice {
  readonly name: 'webgpu' | 'cpu'
  readonly because: string
}

let choice: Promise<Choice> | undefined

/**
 * A real GPU where WebGPU has one, else the processor: never an adapter that is the processor in disguise. Asked once per
 * process. Where Node has no package `webgpu` that costs nothing; where it has, loading the drivers takes some 0.3 s.
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
