import { ValueError } from '../../errors.ts'
import { checkSetting, checkWhole } from '../settings.ts'
import { halfCosine } from './cosine.ts'
import { ofStep, type Schedule } from './schedule.ts'

export interface OneCycleOptions {
  /** Highest rate. */
  readonly maxLr: number
  /** Length of the whole run. */
  readonly totalSteps: number
  /** Share of it that climbs. Default 0.3. */
  readonly pctStart?: number
  /** Shape of climb and descent. Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear'
  /** Momentum where the rate is highest. Default 0.85. */
  readonly baseMomentum?: number
  /** Momentum at both ends. Default 0.95. */
  readonly maxMomentum?: number
  /** The first rate is maxLr / divFactor. Default 25. */
  readonly divFactor?: number
  /** The last rate is the first one / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number
  /** Comes down to the first rate as fast as it climbed, and to the last one from there. Default false. */
  readonly threePhase?: boolean
}

/** A schedule of rate and momentum. */
export interface OneCycle extends Schedule {
  /**
   * The momentum of a step: `optimizer.momentum = schedule.momentumAt(optimizer.steps)`.
   *
   * @throws ValueError as `at`.
   */
  momentumAt(step: number): number
}

/** Part of the cycle up to step `end`, from and to rates and momenta. */
interface Phase {
  readonly end: number
  readonly lr: readonly [number, number]
  readonly momentum: readonly [number, number]
}

const STRATEGIES = {
  cos: halfCosine,
  linear: (from: number, to: number, share: number) => from + (to - from) * share,
} as const

/**
 * Rate up and down again over the whole run, momentum the other way, as `torch.optim.lr_scheduler.OneCycleLR`. The last
 * rate is that of step totalSteps - 1; a step past it throws, where PyTorch allows one more.
 *
 * Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2017,
 * arXiv:1708.07120, section 3; two phases as fastai has them.
 *
 * @throws ValueError where a setting is out of range.
 */
export function oneCycleLR(options: OneCycleOptions): OneCycle {
  const { totalSteps, annealStrategy = 'cos' } = options
  if (!Object.hasOwn(STRATEGIES, annealStrategy))
    throw new ValueError(
      `oneCycleLR: annealStrategy must be 'cos' or 'linear', got ${annealStrategy}. Choose one of them.`,
    )
  const phases = phasesOf(options)
  const value = (what: 'lr' | 'momentum') => (step: number) => {
    if (step > totalSteps - 1)
      throw new ValueError(
        `oneCycleLR: the cycle is over, got step ${step} of ${totalSteps}, counted from 0. Make totalSteps the length of the run.`,
      )
    const now = phases.findIndex(({ end }) => step <= end)
    const {
      end,
      [what]: [from, to],
    } = phases[now]!
    const start = phases[now - 1]?.end ?? 0
    return STRATEGIES[annealStrategy](from, to, end > start ? (step - start) / (end - start) : 1)
  }
  return { at: ofStep('oneCycleLR', value('lr')), momentumAt: ofStep('oneCycleLR', value('momentum')) }
}

function phasesOf({
  maxLr,
  totalSteps,
  pctStart = 0.3,
  baseMomentum = 0.85,
  maxMomentum = 0.95,
  divFactor = 25,
  finalDivFactor = 1e4,
  threePhase = false,
}: OneCycleOptions): Phase[] {
  const name = 'oneCycleLR'
  checkSetting(name, 'maxLr', maxLr, 'at least 0')
  checkWhole(name, 'totalSteps', totalSteps, 1)
  checkSetting(name, 'pctStart', pctStart, 'at least 0 and at most 1')
  checkSetting(name, 'baseMomentum', baseMomentum, 'at least 0 and below 1')
  checkSetting(name, 'maxMomentum', maxMomentum, 'at least 0 and below 1')
  checkSetting(name, 'divFactor', divFactor, 'more than 0')
  checkSetting(name, 'finalDivFactor', finalDivFactor, 'more than 0')
  const [first, last] = [maxLr / divFactor, maxLr / divFactor / finalDivFactor]
  const climb: Phase = {
    end: pctStart * totalSteps - 1,
    lr: [first, maxLr],
    momentum: [maxMomentum, baseMomentum],
  }
  const descent = (end: number, to: number): Phase => ({
    end,
    lr: [maxLr, to],
    momentum: [baseMomentum, maxMomentum],
  })
  return threePhase
    ? [
        climb,
        descent(2 * climb.end, first),
        { end: totalSteps - 1, lr: [first, last], momentum: [maxMomentum, maxMomentum] },
      ]
    : [climb, descent(totalSteps - 1, last)]
}
