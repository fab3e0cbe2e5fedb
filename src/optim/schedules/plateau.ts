import { DataError, ValueError } from '../../errors.ts'
import { checkSetting, checkWhole } from '../settings.ts'
import type { Schedule } from './schedule.ts'

export interface PlateauOptions {
  /** Whether a smaller metric (a loss) or a larger one (an accuracy) is better. Default 'min'. */
  readonly mode?: 'min' | 'max'
  /** What the rate is multiplied by. Default 0.1. */
  readonly factor?: number
  /** Observations without improvement that are put up with. Default 10. */
  readonly patience?: number
  /** How much better counts as better. Default 1e-4. */
  readonly threshold?: number
  /** Whether `threshold` is a share of the best metric or a difference from it. Default 'rel'. */
  readonly thresholdMode?: 'rel' | 'abs'
  /** Observations after a reduction in which none counts as bad. Default 0. */
  readonly cooldown?: number
  /** Lowest rate. Default 0. */
  readonly minLr?: number
  /** A reduction by no more than this is left out. Default 1e-8. */
  readonly eps?: number
}

/** What it goes by; plain values, to be kept as JSON. */
export interface PlateauState {
  readonly lr: number
  /** Best metric so far; null before the first finite one. */
  readonly best: number | null
  /** Observations in a row without improvement. */
  readonly bad: number
  /** Observations of cooldown that are left. */
  readonly cooldown: number
}

/**
 * Lowers the rate where a metric stops improving, as `torch.optim.lr_scheduler.ReduceLROnPlateau`. The rate depends on
 * what was observed, not on the step. NaN and infinities are no improvement.
 *
 *     optimizer.lr = schedule.at()
 *     ...                                          // an epoch
 *     schedule.observe(testLoss)
 */
export class ReduceLROnPlateau implements Schedule {
  readonly #options: Required<PlateauOptions>
  #state: PlateauState

  /** @throws ValueError where a setting is out of range. */
  constructor(base: number, options: PlateauOptions = {}) {
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options
    for (const [name, value] of Object.entries({ base, threshold, minLr, eps }))
      checkSetting('ReduceLROnPlateau', name, value, 'at least 0')
    checkSetting('ReduceLROnPlateau', 'factor', factor, 'at least 0 and below 1')
    checkWhole('ReduceLROnPlateau', 'patience', patience, 0)
    checkWhole('ReduceLROnPlateau', 'cooldown', cooldown, 0)
    if (!['min', 'max'].includes(mode) || !['rel', 'abs'].includes(thresholdMode))
      throw new ValueError(
        `ReduceLROnPlateau: mode must be 'min' or 'max' and thresholdMode 'rel' or 'abs', got ${mode} and ${thresholdMode}. Choose among these.`,
      )
    this.#options = { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps }
    this.#state = { lr: base, best: null, bad: 0, cooldown: 0 }
  }

  /** The rate as it is now, whatever the step. */
  at(): number {
    return this.#state.lr
  }

  /** Takes note of a metric, once per epoch, say; the rate may fall. */
  observe(metric: number): void {
    const { factor, patience, minLr, eps, cooldown: pause } = this.#options
    const better = this.#isBetter(metric)
    const { lr, cooldown } = this.#state
    const best = better ? metric : this.#state.best
    const bad = better || cooldown > 0 ? 0 : this.#state.bad + 1
    const lower = Math.max(lr * factor, minLr)
    this.#state =
      bad > patience
        ? { lr: lr - lower > eps ? lower : lr, best, bad: 0, cooldown: pause }
        : { lr, best, bad, cooldown: Math.max(cooldown - 1, 0) }
  }

  /** What it goes by, as it is now. */
  state(): PlateauState {
    return this.#state
  }

  /**
   * Goes on from `state`.
   *
   * @throws DataError where it is none; then nothing is changed.
   */
  loadState({ lr, best, bad, cooldown }: PlateauState): void {
    const counts = [bad, cooldown].every((count) => Number.isSafeInteger(count) && count >= 0)
    if (!counts || !(lr >= 0 && Number.isFinite(lr)) || (best !== null && typeof best !== 'number'))
      throw new DataError(
        `ReduceLROnPlateau: this is no state of it, got ${JSON.stringify({ lr, best, bad, cooldown })}. Load what state() gave.`,
      )
    this.#state = { lr, best, bad, cooldown }
  }

  #isBetter(metric: number): boolean {
    const { best } = this.#state
    const { mode, threshold, thresholdMode } = this.#options
    if (!Number.isFinite(metric)) return false
    if (best === null) return true
    const sign = mode === 'min' ? -1 : 1
    const least = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold
    return sign * (metric - least) > 0
  }
}
