import { Live, watchBuffers } from '../support/live-objects.ts'
import { type Watched, watch } from '../support/watch-calls.ts'

/** What lives on a GPU device: each entry is a column in the table of a soak. */
export interface Counts {
  readonly live: Readonly<Record<string, number>>
  /** The most textures or buffers at a time since the last look. */
  readonly most: number
  /** Of buffers; GL does not tell. */
  readonly bytes?: number
}

const classNamed = (name: string) => (globalThis as unknown as Readonly<Record<string, Watched>>)[name]!

/** Counts the GPU objects of this page at the API itself, from now on. */
export const watchGpu = (device: string): (() => Counts) =>
  device === 'webgpu' ? watchWebGpu() : watchWebGl2()

function watchWebGpu(): () => Counts {
  const buffers = watchBuffers({ GPUDevice: classNamed('GPUDevice'), GPUBuffer: classNamed('GPUBuffer') })
  return () => ({ live: { buffers: buffers.count }, most: buffers.takeMost(), bytes: buffers.bytes })
}

function watchWebGl2(): () => Counts {
  const context = classNamed('WebGL2RenderingContext')
  const kept = (kind: string) => {
    const live = new Live()
    watch(context, `create${kind}`, (_, __, made) => live.add(made))
    watch(context, `delete${kind}`, (_, [gone]) => live.remove(gone))
    return live
  }
  const [textures, programs, framebuffers] = [kept('Texture'), kept('Program'), kept('Framebuffer')]
  return () => ({
    live: { textures: textures.count, programs: programs.count, framebuffers: framebuffers.count },
    most: textures.takeMost(),
  })
}
