import type { Standing } from './session.ts'

/** Longest stretch without a look at the page, in milliseconds. */
const BREATH = 30

export interface Hooks {
  readonly begin: () => AsyncGenerator<Standing>
  readonly onTurn: (standing: Standing) => void
  /** At the end, or where it failed. */
  readonly onEnd: (error?: Error) => void
}

/** Takes turns of a session: one after the other, one at a time, or none. Only one is ever under way. */
export class Runner {
  readonly #hooks: Hooks
  #session: AsyncGenerator<Standing> | undefined
  /** Turns to take before it waits. */
  #wanted = 0
  #busy = false

  constructor(hooks: Hooks) {
    this.#hooks = hooks
  }

  get running(): boolean {
    return this.#wanted === Number.POSITIVE_INFINITY
  }

  take(turns: number): void {
    this.#wanted = turns
    if (!this.#busy) void this.#work()
  }

  /** Forgets the session; where it is running, the next one begins at once. */
  leave(): void {
    this.#session = undefined
  }

  async #work(): Promise<void> {
    this.#busy = true
    let last = performance.now()
    while (this.#wanted > 0) {
      this.#wanted--
      await this.#turn()
      if (performance.now() - last < BREATH) continue
      await new Promise((resolve) => setTimeout(resolve, 0))
      last = performance.now()
    }
    this.#busy = false
  }

  async #turn(): Promise<void> {
    this.#session ??= this.#hooks.begin()
    const session = this.#session
    const end = (error?: Error) => {
      this.#session = undefined
      this.#wanted = 0
      this.#hooks.onEnd(error)
    }
    try {
      const { value, done } = await session.next()
      // What was left meanwhile has nothing to say.
      if (session !== this.#session) return
      if (done) end()
      else this.#hooks.onTurn(value)
    } catch (error) {
      if (session === this.#session) end(error as Error)
    }
  }
}
