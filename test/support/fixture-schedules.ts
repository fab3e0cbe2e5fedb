import * as optim from '../../src/optim/index.ts'
import type { Case } from './fixtures.ts'

type Params = Readonly<Record<string, unknown>>

/** The library's schedules by the names of the cases, from the base rate and PyTorch's arguments. */
const schedules: Readonly<Record<string, (base: number, options: never) => optim.Schedule>> = {
  step: optim.stepLR,
  multistep: optim.multiStepLR,
  exponential: optim.exponentialLR,
  polynomial: optim.polynomialLR,
  constant: optim.constantLR,
  linear: optim.linearLR,
  warmup_cosine: optim.warmupCosine,
  cosine: optim.cosineAnnealingLR,
  cosine_restarts: optim.cosineAnnealingWarmRestarts,
  onecycle: (_, options) => optim.oneCycleLR(options),
  plateau: (base, options) => new optim.ReduceLROnPlateau(base, options),
}

/** `initial_lr`, `T_max` as `initialLr`, `tMax`. */
export const inOurNames = (params: Params): Params =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name.replace(/^T/, 't').replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  )

export function scheduleOf(base: number, { scheduler, ...params }: Params): optim.Schedule {
  return schedules[scheduler as string]!(base, inOurNames(params) as never)
}

/** Rates, and momenta where there are any, after 0, 1, ..., `steps` steps. */
export function runSchedule({ params: { baseLr, steps, ...params }, inputs }: Case) {
  const schedule = scheduleOf(baseLr as number, params)
  const outputs: { lr: number[]; momentum?: number[] } = { lr: [] }
  for (let k = 0; k <= (steps as number); k++) {
    outputs.lr.push(schedule.at(k))
    if ('momentumAt' in schedule)
      outputs.momentum = [...(outputs.momentum ?? []), (schedule as optim.OneCycle).momentumAt(k)]
    if (schedule instanceof optim.ReduceLROnPlateau && k < (steps as number))
      schedule.observe(inputs.metrics!.data[k]!)
  }
  return outputs
}
