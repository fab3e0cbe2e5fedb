import { checkSetting } from '../settings.ts'

/**
 * Learning rates by step or by epoch, whichever the caller counts. Nothing is counted here: the number of steps taken
 * is all that a checkpoint needs, `ReduceLROnPlateau` excepted.
 *
 *     optimizer.lr = schedule.at(optimizer.steps)
 */
export interface Schedule {
  /**
   * The rate of a step: 0 is the first one; numbers between whole ones may be asked for too.
   *
   * @throws ValueError where `step` is negative or not finite.
   */
  at(step: number): number
}

/** A schedule by a formula. `base`, the rate that it scales, must be a finite number of at least 0. */
export function scheduleOf(name: string, base: number, rate: (step: number) => number): Schedule {
  checkSetting(name, 'base', base, 'at least 0')
  return { at: ofStep(name, rate) }
}

/** The formula, for steps that there are. */
export const ofStep =
  (name: string, formula: (step: number) => number) =>
  (step: number): number => {
    checkSetting(name, 'step', step, 'at least 0')
    return formula(step)
  }

/** How much of `total` steps is over after `step`, from 0 to 1; all of it where there are none. */
export const shareOver = (step: number, total: number): number => (step < total ? step / total : 1)
