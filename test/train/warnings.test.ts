import { expect, test } from 'vitest'
import type { RunRecord } from '../../src/train/experiment.ts'
import type { EpochMetrics } from '../../src/train/fit.ts'
import { warningsOf } from '../../src/train/warnings.ts'

const epochs = (firstLoss: number, ...losses: readonly number[]): EpochMetrics[] =>
  losses.map((loss, i) => ({ epoch: i + 1, loss, learningRate: 0.1, ...(i === 0 ? { firstLoss } : {}) }))

const warnings = (changes: Partial<RunRecord> = {}) =>
  warningsOf(
    {
      row: 'sp',
      seed: 3,
      stages: [],
      history: epochs(2.3, 2, 1, 0.5),
      accuracy: 0.6,
      seconds: 1,
      images: 10,
      ...changes,
    },
    { classes: 10, testImages: 1000 },
  )
const fell = (what: string, from: string, to: string) => [
  `the loss of ${what} did not fall, got ${from} and ${to} in its last epoch. Lower the learning rate, or train longer.`,
]

test('a run that learns is not warned about', () => expect(warnings()).toEqual([]))

test('an accuracy within two standard errors of chance', () => {
  // Two standard errors of 1,000 guesses among ten are 1.9 points.
  expect(warnings({ accuracy: 0.118 })).toEqual([
    'sp (seed 3) answers no better than by chance, got 11.80 % with 10 classes. Lower the learning rate or the weight of its loss, warm it up, or use Adam: SGD with published weights collapses.',
  ])
  expect(warnings({ accuracy: 0.12 })).toEqual([])
})

test('a loss that ends no lower than in its first epoch', () => {
  expect(warnings({ history: epochs(2.3, 2, 1, 2) })).toEqual(
    fell('sp (seed 3)', '2.000 in its first epoch', '2.000'),
  )
  expect(warnings({ history: epochs(2.3, 2, 2) })).toEqual([])
})

test('a loss that blows up in its first epoch and falls from there', () =>
  expect(warnings({ history: epochs(2.3, 500, 40, 3) })).toEqual(
    fell('sp (seed 3)', '2.300 before its first step', '3.000'),
  ))

test('a preliminary stage', () =>
  expect(
    warnings({
      stages: [
        { stage: 'ft', history: epochs(1, 5e8, 1e5, 2427) },
        { stage: 'ab', history: epochs(40, 36, 30, 20) },
      ],
    }),
  ).toEqual(fell('the preliminary stage ft of sp (seed 3)', '1.000 before its first step', '2427')))

test('a loss that grows because its weight does is none', () => {
  const grows = epochs(1, 1, 2, 3).map((epoch, i) => ({ ...epoch, terms: { sp: { loss: 1, weight: i } } }))
  expect(warnings({ history: grows })).toEqual([])
})
