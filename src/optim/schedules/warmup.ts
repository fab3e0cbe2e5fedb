import { ValueError } from '../../errors.ts'
import { checkSetting, checkWhole } from '../settings.ts'
import { cosineAnnealingLR } from './cosine.ts'
import { type Schedule, scheduleOf, shareOver } from './schedule.ts'

/**
 * base * factor before step `totalIters`, base from there on, as `torch.optim.lr_scheduler.ConstantLR`. `factor` is 1/3
 * and `totalIters` 5 where left out, as there.
 *
 * @throws ValueError where a setting is out of range.
 */
export function constantLR(
  base: number,
  { factor = 1 / 3, totalIters = 5 }: { readonly factor?: number; readonly totalIters?: number } = {},
): Schedule {
  checkSetting('constantLR', 'factor', factor, 'at least 0 and at most 1')
  checkWhole('constantLR', 'totalIters', totalIters, 0)
  return scheduleOf('constantLR', base, (step) => (step < totalIters ? base * factor : base))
}

export interface LinearOptions {
  /** Factor of the first step. Default 1/3. */
  readonly startFactor?: number
  /** Factor from step `totalIters` on. Default 1. */
  readonly endFactor?: number
  /** Default 5; 0 starts at the end. */
  readonly totalIters?: number
}

/**
 * base times a factor that goes from `startFactor` to `endFactor` in equal steps, as
 * `torch.optim.lr_scheduler.LinearLR`.
 *
 * @throws ValueError where a setting is out of range.
 */
export function linearLR(
  base: number,
  { startFactor = 1 / 3, endFactor = 1, totalIters = 5 }: LinearOptions = {},
): Schedule {
  checkSetting('linearLR', 'startFactor', startFactor, 'at least 0 and at most 1')
  checkSetting('linearLR', 'endFactor', endFactor, 'at least 0 and at most 1')
  checkWhole('linearLR', 'totalIters', totalIters, 0)
  return scheduleOf(
    'linearLR',
    base,
    (step) => base * (startFactor + (endFactor - startFactor) * shareOver(step, totalIters)),
  )
}

/**
 * One schedule after another, as `torch.optim.lr_scheduler.SequentialLR`: number i + 1 takes over at step
 * `milestones[i]`, and counts from there. One that counts by itself (`ReduceLROnPlateau`) may come last.
 *
 * @throws ValueError unless there is one milestone fewer than schedules, in ascending order.
 */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  milestones.forEach((milestone, i) => {
    checkWhole('sequentialLR', `milestones[${i}]`, milestone, milestones[i - 1] ?? 0)
  })
  if (milestones.length !== schedules.length - 1)
    throw new ValueError(
      `sequentialLR: there must be one milestone between each two schedules, got ${milestones.length} for ${schedules.length} schedules. Give the steps at which they change.`,
    )
  return {
    at: (step) => {
      const passed = milestones.filter((milestone) => milestone <= step)
      return schedules[passed.length]!.at(step - (passed.at(-1) ?? 0))
    },
  }
}

export interface WarmupCosineOptions {
  /** Steps of warm-up. */
  readonly warmupIters: number
  /** Steps of the cosine that follows. */
  readonly tMax: number
  /** Factor of the first step. Default 1/3, as `linearLR`. */
  readonly startFactor?: number
  /** Where the cosine ends. Default 0. */
  readonly etaMin?: number
}

/**
 * `linearLR` up to base, then `cosineAnnealingLR`. Warm-up: Goyal et al., "Accurate, large minibatch SGD", 2017,
 * arXiv:1706.02677, section 2.2.
 *
 * @throws ValueError where a setting is out of range.
 */
export function warmupCosine(
  base: number,
  { warmupIters, tMax, startFactor = 1 / 3, etaMin = 0 }: WarmupCosineOptions,
): Schedule {
  return sequentialLR(
    [linearLR(base, { startFactor, totalIters: warmupIters }), cosineAnnealingLR(base, { tMax, etaMin })],
    [warmupIters],
  )
}
