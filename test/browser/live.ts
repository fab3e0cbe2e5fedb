import { type Watched, watch } from '../support/watch-calls.ts'

/** GPU objects that were made and not destroyed. They are held on to: one that is merely collected counts as alive. */
class Live {
  readonly #bytes = new Map<unknown, number>()
  #most = 0

  add(made: unknown, bytes = 0): void {
    this.#bytes.set(made, bytes)
    this.#most = Math.max(this.#most, this.#bytes.size)
  }

  remove(gone: unknown): void {
    this.#bytes.delete(gone)
  }

  get count(): number {
    return this.#bytes.size
  }

  get bytes(): number {
    return [...this.#bytes.values()].reduce((a, b) => a + b, 0)
  }

  /** The most at a time since this was last asked for. */
  takeMost(): number {
    const most = this.#most
    this.#most = this.count
    return most
  }
}

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
  const buffers = new Live()
  watch(classNamed('GPUDevice'), 'createBuffer', (_, [settings], made) =>
    buffers.add(made, (settings as { size: number }).size),
  )
  watch(classNamed('GPUBuffer'), 'destroy', (self) => buffers.remove(self))
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
