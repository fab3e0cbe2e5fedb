import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as optim from '../../src/optim/index.ts'

const steps = fc.integer({ min: 0, max: 40 })
const lengths = fc.integer({ min: 1, max: 20 })

/** One of each, with the rates of step 0 and of a step long past the end. */
const edges: [string, optim.Schedule, number, number][] = [
  ['stepLR', optim.stepLR(0.4, { stepSize: 3 }), 0.4, 0],
  ['multiStepLR', optim.multiStepLR(0.4, { milestones: [2, 1, 2] }), 0.4, 0.0004],
  ['multiStepLR without milestones', optim.multiStepLR(0.4, { milestones: [] }), 0.4, 0.4],
  ['exponentialLR', optim.exponentialLR(0.4, { gamma: 0.5 }), 0.4, 0],
  ['polynomialLR', optim.polynomialLR(0.4), 0.4, 0],
  ['constantLR', optim.constantLR(0.4, { factor: 0.5 }), 0.2, 0.4],
  ['constantLR of no steps', optim.constantLR(0.4, { totalIters: 0 }), 0.4, 0.4],
  ['linearLR', optim.linearLR(0.4, { startFactor: 0.5, endFactor: 0.25 }), 0.2, 0.1],
  ['linearLR of no steps', optim.linearLR(0.4, { totalIters: 0 }), 0.4, 0.4],
  ['cosineAnnealingLR', optim.cosineAnnealingLR(0.4, { tMax: 1000, etaMin: 0.1 }), 0.4, 0.1],
  ['cosineAnnealingWarmRestarts', optim.cosineAnnealingWarmRestarts(0.4, { t0: 10 }), 0.4, 0.4],
  ['warmupCosine', optim.warmupCosine(0.4, { warmupIters: 400, tMax: 600, startFactor: 0 }), 0, 0],
  ['warmupCosine of no warm-up', optim.warmupCosine(0.4, { warmupIters: 0, tMax: 1000 }), 0.4, 0],
]

test.each(edges)('%s at step 0 and at step 1000', (_, schedule, first, last) => {
  expect(schedule.at(0)).toBe(first)
  expect(schedule.at(1000)).toBeCloseTo(last, 12)
})

test.each<[string, optim.Schedule]>([
  ...edges.map(([name, schedule]): [string, optim.Schedule] => [name, schedule]),
  ['oneCycleLR', optim.oneCycleLR({ maxLr: 1, totalSteps: 9 })],
])('%s takes no step before the first', (_, schedule) => {
  for (const step of [-1, Number.NaN, Infinity])
    expect(() => schedule.at(step)).toThrow(
      /LR|Restarts: step must be a finite number of at least 0, got (-1|NaN|Infinity)\. Choose another\.$/,
    )
})

test('milestones may come in any order and more than once', () => {
  const schedule = optim.multiStepLR(1, { milestones: [7, 3, 7], gamma: 0.5 })
  expect([0, 2, 3, 6, 7, 8].map(schedule.at)).toEqual([1, 1, 0.5, 0.5, 0.125, 0.125])
})

test('restarts are where counting has them', () =>
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 7 }), steps, (t0, tMult, step) => {
      let [into, length] = [0, t0]
      for (let k = 0; k < step; k++)
        if (++into === length) {
          into = 0
          length *= tMult
        }
      const { at } = optim.cosineAnnealingWarmRestarts(0.4, { t0, tMult, etaMin: 0.1 })
      expect(at(step)).toBeCloseTo(0.1 + 0.15 * (1 + Math.cos((Math.PI * into) / length)), 12)
    }),
  ))

test('the logarithm of 243 to base 3 is less than 5 in floating point, and the sixth run starts at its top', () => {
  const { at } = optim.cosineAnnealingWarmRestarts(0.4, { t0: 2, tMult: 3 })
  expect(at(242)).toBe(0.4)
})

test('one schedule after another, each counting from its own start', () => {
  const { at } = optim.sequentialLR(
    [optim.constantLR(1), optim.exponentialLR(1, { gamma: 0.5 }), new optim.ReduceLROnPlateau(0.1)],
    [2, 4],
  )
  expect([0, 1, 2, 3, 4, 100].map(at)).toEqual([1 / 3, 1 / 3, 1, 0.5, 0.1, 0.1])
})

describe('oneCycleLR', () => {
  test('stays between its rates and momenta, and starts and ends where it says, whatever the phases', () =>
    fc.assert(
      fc.property(
        fc.record({
          totalSteps: fc.integer({ min: 2, max: 30 }),
          pctStart: fc.double({ min: 0.1, max: 1, noNaN: true }),
          annealStrategy: fc.constantFrom('cos' as const, 'linear' as const),
          threePhase: fc.boolean(),
        }),
        ({ pctStart, ...options }) => {
          const share = options.threePhase ? pctStart / 2 : pctStart
          const cycle = optim.oneCycleLR({
            maxLr: 1,
            divFactor: 10,
            finalDivFactor: 10,
            pctStart: share,
            ...options,
          })
          for (let step = 0; step < options.totalSteps; step++) {
            expect(Math.abs(cycle.at(step) - 0.505)).toBeLessThanOrEqual(0.495 + 1e-12)
            expect(Math.abs(cycle.momentumAt(step) - 0.9)).toBeLessThanOrEqual(0.05 + 1e-12)
          }
          if (share * options.totalSteps > 1) expect(cycle.at(0)).toBeCloseTo(0.1, 12)
          if (share < 1) expect(cycle.at(options.totalSteps - 1)).toBeCloseTo(0.01, 12)
        },
      ),
    ))

  test('a climb of one step is at its top, where PyTorch divides by zero', () => {
    expect(optim.oneCycleLR({ maxLr: 1, totalSteps: 10, pctStart: 0.1 }).at(0)).toBe(1)
  })

  test('ends', () => {
    const cycle = optim.oneCycleLR({ maxLr: 1, totalSteps: 10 })
    for (const of of [cycle.at, cycle.momentumAt])
      expect(() => of(10)).toThrow(
        'oneCycleLR: the cycle is over, got step 10 of 10, counted from 0. Make totalSteps the length of the run.',
      )
  })
})

const refused: [() => unknown, string][] = [
  [() => optim.stepLR(-1, { stepSize: 1 }), 'stepLR: base must be a finite number of at least 0, got -1'],
  [() => optim.stepLR(1, { stepSize: 0 }), 'stepLR: stepSize must be a whole number of at least 1, got 0'],
  [() => optim.multiStepLR(1, { milestones: [1, 2.5] }), 'multiStepLR: milestones[1] must be a whole number'],
  [() => optim.exponentialLR(1, { gamma: -1 }), 'exponentialLR: gamma must be a finite number of at least 0'],
  [() => optim.polynomialLR(1, { totalIters: 0 }), 'polynomialLR: totalIters must be a whole number'],
  [() => optim.polynomialLR(1, { power: 0 }), 'polynomialLR: power must be a finite number of more than 0'],
  [
    () => optim.constantLR(1, { factor: 2 }),
    'constantLR: factor must be a finite number of at least 0 and at',
  ],
  [
    () => optim.linearLR(1, { startFactor: 2 }),
    'linearLR: startFactor must be a finite number of at least 0',
  ],
  [() => optim.linearLR(1, { totalIters: -1 }), 'linearLR: totalIters must be a whole number of at least 0'],
  [
    () => optim.cosineAnnealingLR(1, { tMax: 0 }),
    'cosineAnnealingLR: tMax must be a whole number of at least 1',
  ],
  [() => optim.cosineAnnealingWarmRestarts(1, { t0: 0 }), 'cosineAnnealingWarmRestarts: t0 must be a whole'],
  [
    () => optim.cosineAnnealingWarmRestarts(1, { t0: 1, tMult: 0.5 }),
    'Restarts: tMult must be a whole number',
  ],
  [() => optim.sequentialLR([], []), 'sequentialLR: there must be one milestone between each two schedules'],
  [
    () => optim.sequentialLR([optim.constantLR(1), optim.constantLR(1), optim.constantLR(1)], [3, 2]),
    'sequentialLR: milestones[1] must be a whole number of at least 3, got 2. Choose another.',
  ],
  [
    () => optim.oneCycleLR({ maxLr: 1, totalSteps: 0 }),
    'oneCycleLR: totalSteps must be a whole number of at',
  ],
  [
    () => optim.oneCycleLR({ maxLr: 1, totalSteps: 1, annealStrategy: 'sin' as 'cos' }),
    "oneCycleLR: annealStrategy must be 'cos' or 'linear', got sin. Choose one of them.",
  ],
]

test.each(refused)('%s is refused', (call, message) => {
  expect(call).toThrow(message)
})
