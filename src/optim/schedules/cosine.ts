import { checkSetting, checkWhole } from '../settings.ts'
import { type Schedule, scheduleOf } from './schedule.ts'

/** Half a cosine, `from` at share 0 and `to` at share 1: eq. 5 of SGDR. */
export const halfCosine = (from: number, to: number, share: number): number =>
  to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * share))

/**
 * Half a cosine from `base` at step 0 down to `etaMin` at step `tMax`, as `torch.optim.lr_scheduler.CosineAnnealingLR`.
 * Past `tMax` it climbs again, as there. `etaMin` is 0 where left out.
 *
 * Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, arXiv:1608.03983, eq. 5.
 *
 * @throws ValueError where a setting is out of range.
 */
export function cosineAnnealingLR(
  base: number,
  { tMax, etaMin = 0 }: { readonly tMax: number; readonly etaMin?: number },
): Schedule {
  checkWhole('cosineAnnealingLR', 'tMax', tMax, 1)
  checkSetting('cosineAnnealingLR', 'etaMin', etaMin, 'at least 0')
  return scheduleOf('cosineAnnealingLR', base, (step) => halfCosine(base, etaMin, step / tMax))
}

export interface RestartOptions {
  /** Steps of the first run. */
  readonly t0: number
  /** How many times longer each run is than the one before. Default 1. */
  readonly tMult?: number
  /** Where each run ends. Default 0. */
  readonly etaMin?: number
}

/**
 * Half a cosine that starts anew at `base` after `t0` steps, after t0 * tMult more, and so on, as
 * `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`. Loshchilov and Hutter, as above.
 *
 * @throws ValueError where a setting is out of range.
 */
export function cosineAnnealingWarmRestarts(
  base: number,
  { t0, tMult = 1, etaMin = 0 }: RestartOptions,
): Schedule {
  const name = 'cosineAnnealingWarmRestarts'
  checkWhole(name, 't0', t0, 1)
  checkWhole(name, 'tMult', tMult, 1)
  checkSetting(name, 'etaMin', etaMin, 'at least 0')
  return scheduleOf(name, base, (step) => {
    // Run by run: PyTorch's logarithm may round to the wrong run where one starts.
    let length = t0
    let into = tMult === 1 ? step % t0 : step
    while (into >= length) {
      into -= length
      length *= tMult
    }
    return halfCosine(base, etaMin, into / length)
  })
}
