/** A term of a loss: its value before its weight, and the weight. */
export interface TermLoss {
  readonly loss: number
  readonly weight: number
}

/** Sums over an epoch so far, as plain numbers. */
export interface SumsState {
  readonly samples: number
  /** Loss of its first step. */
  readonly first: number
  readonly loss: number
  readonly terms: Readonly<Record<string, TermLoss>>
}

/** Losses of an epoch, added up over its samples. */
export class Sums {
  #state: SumsState

  constructor(state: SumsState = { samples: 0, first: 0, loss: 0, terms: {} }) {
    this.#state = state
  }

  get samples(): number {
    return this.#state.samples
  }

  get state(): SumsState {
    return this.#state
  }

  add(value: number, terms: Readonly<Record<string, TermLoss>>, count: number): void {
    const { samples, first, loss, terms: before } = this.#state
    this.#state = {
      samples: samples + count,
      first: samples === 0 ? value : first,
      loss: loss + value * count,
      terms: Object.fromEntries(
        Object.entries(terms).map(([id, term]) => [
          id,
          { loss: (before[id]?.loss ?? 0) + term.loss * count, weight: term.weight },
        ]),
      ),
    }
  }

  /** Means over the samples; of each term too where there are several. */
  means(): { loss: number; terms?: Record<string, TermLoss> } {
    const { samples, loss, terms } = this.#state
    const means = Object.entries(terms).map(
      ([id, term]) => [id, { loss: term.loss / samples, weight: term.weight }] as const,
    )
    return {
      loss: loss / samples,
      ...(means.length > 1 ? { terms: Object.fromEntries(means) } : {}),
    }
  }
}
