import { collectGarbage } from './garbage.ts'

/** How much may be in use more than at least, in bytes and in proportion, before garbage is suspected in it. */
const BYTES = 64 * 2 ** 20
const GROWTH = 1.5

/**
 * Notices when memory that the engine does not see may be held by collected tensors. It comes back in a turn of the event
 * loop after a collection, and a loop that only awaits what is done already has none.
 */
export class Pressure {
  readonly #used: () => number
  /** The least that was in use since garbage was last collected. */
  #least = 0
  #relief: Promise<void> | null = null

  /** `used` tells how many bytes are handed out. */
  constructor(used: () => number) {
    this.#used = used
  }

  get high(): boolean {
    return this.#used() > Math.max(this.#least + BYTES, this.#least * GROWTH)
  }

  /** To be told after each release. */
  released(): void {
    this.#least = Math.min(this.#least, this.#used())
  }

  /** Has garbage collected: some 5 ms, a few tens where the machine is busy. */
  relieve(): Promise<void> {
    this.#relief ??= collectGarbage().then(() => {
      this.#relief = null
      this.#least = this.#used()
    })
    return this.#relief
  }
}
