import { checkSetting, checkWhole } from '../settings.ts'
import { type Schedule, scheduleOf, shareOver } from './schedule.ts'

/**
 * base * gamma^floor(step / stepSize), as `torch.optim.lr_scheduler.StepLR`. `gamma` is 0.1 where left out.
 *
 * @throws ValueError where a setting is out of range.
 */
export function stepLR(
  base: number,
  { stepSize, gamma = 0.1 }: { readonly stepSize: number; readonly gamma?: number },
): Schedule {
  checkWhole('stepLR', 'stepSize', stepSize, 1)
  checkSetting('stepLR', 'gamma', gamma, 'at least 0')
  return scheduleOf('stepLR', base, (step) => base * gamma ** Math.floor(step / stepSize))
}

/**
 * base * gamma^(number of milestones reached), as `torch.optim.lr_scheduler.MultiStepLR`: a milestone counts from its
 * own step on, and twice where it is listed twice. `gamma` is 0.1 where left out.
 *
 * @throws ValueError where a setting is out of range.
 */
export function multiStepLR(
  base: number,
  { milestones, gamma = 0.1 }: { readonly milestones: readonly number[]; readonly gamma?: number },
): Schedule {
  milestones.forEach((milestone, i) => {
    checkWhole('multiStepLR', `milestones[${i}]`, milestone, 0)
  })
  checkSetting('multiStepLR', 'gamma', gamma, 'at least 0')
  const reached = (step: number) => milestones.filter((milestone) => milestone <= step).length
  return scheduleOf('multiStepLR', base, (step) => base * gamma ** reached(step))
}

/**
 * base * gamma^step, as `torch.optim.lr_scheduler.ExponentialLR`.
 *
 * @throws ValueError where a setting is out of range.
 */
export function exponentialLR(base: number, { gamma }: { readonly gamma: number }): Schedule {
  checkSetting('exponentialLR', 'gamma', gamma, 'at least 0')
  return scheduleOf('exponentialLR', base, (step) => base * gamma ** step)
}

/**
 * base * (1 - step / totalIters)^power, 0 from step `totalIters` on, as `torch.optim.lr_scheduler.PolynomialLR`.
 * `totalIters` is 5 and `power` 1 where left out, as there.
 *
 * @throws ValueError where a setting is out of range.
 */
export function polynomialLR(
  base: number,
  { totalIters = 5, power = 1 }: { readonly totalIters?: number; readonly power?: number } = {},
): Schedule {
  checkWhole('polynomialLR', 'totalIters', totalIters, 1)
  checkSetting('polynomialLR', 'power', power, 'more than 0')
  return scheduleOf('polynomialLR', base, (step) => base * (1 - shareOver(step, totalIters)) ** power)
}
