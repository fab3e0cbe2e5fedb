import { type Watched, watch } from './watch-calls.ts'

/** GPU objects that were made and not destroyed. They are held on to: one that is merely collected counts as alive. */
export class Live {
  readonly #bytes = new Map<unknown, number>()
  #most = 0

  add(made: unknown, bytes = 0): void {
    this.#bytes.set(made, bytes)
    this.#most = Math.max(this.#most, this.#bytes.size)
  }

  remove(gone: unknown): void {
    this.#bytes.delete(gone)
  }

  /** Of one that lives; 0 of any other. */
  bytesOf(made: unknown): number {
    return this.#bytes.get(made) ?? 0
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

/** The WebGPU buffers that live, from now on. */
export function watchBuffers(classes: Readonly<Record<'GPUDevice' | 'GPUBuffer', Watched>>): Live {
  const buffers = new Live()
  watch(classes.GPUDevice, 'createBuffer', (_, [settings], made) =>
    buffers.add(made, (settings as { size: number }).size),
  )
  watch(classes.GPUBuffer, 'destroy', (self) => buffers.remove(self))
  return buffers
}
