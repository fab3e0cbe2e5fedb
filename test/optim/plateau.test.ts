import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PlateauOptions, ReduceLROnPlateau } from '../../src/optim/index.ts'

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true })

const settings = fc.record({
  mode: fc.constantFrom('min' as const, 'max' as const),
  factor: fc.constantFrom(0, 0.1, 0.5),
  patience: fc.integer({ min: 0, max: 3 }),
  threshold: fc.constantFrom(0, 1e-4, 0.1),
  thresholdMode: fc.constantFrom('rel' as const, 'abs' as const),
  cooldown: fc.integer({ min: 0, max: 3 }),
  minLr: fc.constantFrom(0, 0.01),
  eps: fc.constantFrom(1e-8, 0.02),
})
const metrics = fc.array(fc.oneof(number(-1, 1), fc.constantFrom(0.5, 0.6, Number.NaN)), { maxLength: 30 })

/** The rates as PyTorch's class finds them, statement by statement. */
function byTheBook(base: number, o: Required<PlateauOptions>, given: readonly number[]): number[] {
  let [lr, best, bad, cooldown] = [base, o.mode === 'min' ? Infinity : -Infinity, 0, 0]
  const isBetter = (a: number) =>
    o.mode === 'min'
      ? a < (o.thresholdMode === 'rel' ? best * (1 - o.threshold) : best - o.threshold)
      : a > (o.thresholdMode === 'rel' ? best * (o.threshold + 1) : best + o.threshold)
  return given.map((metric) => {
    if (isBetter(metric)) {
      best = metric
      bad = 0
    } else bad += 1
    if (cooldown > 0) {
      cooldown -= 1
      bad = 0
    }
    if (bad > o.patience) {
      const lower = Math.max(lr * o.factor, o.minLr)
      if (lr - lower > o.eps) lr = lower
      cooldown = o.cooldown
      bad = 0
    }
    return lr
  })
}

const rates = (schedule: ReduceLROnPlateau, given: readonly number[]) =>
  given.map((metric) => {
    schedule.observe(metric)
    return schedule.at()
  })

test('falls where PyTorch’s does', () =>
  fc.assert(
    fc.property(settings, metrics, (options, given) => {
      expect(rates(new ReduceLROnPlateau(0.1, options), given)).toEqual(byTheBook(0.1, options, given))
    }),
  ))

test('goes on from a state that was JSON', () =>
  fc.assert(
    fc.property(settings, metrics, metrics, (options, before, after) => {
      const one = new ReduceLROnPlateau(0.1, options)
      rates(one, before)
      const saved = JSON.stringify(one.state())
      const two = new ReduceLROnPlateau(0.5, options)
      two.loadState(JSON.parse(saved))
      expect(rates(two, after)).toEqual(rates(one, after))
    }),
  ))

test('nothing observed, nothing changed; an infinity is no improvement', () => {
  const schedule = new ReduceLROnPlateau(0.1, { patience: 0 })
  expect(schedule.at()).toBe(0.1)
  schedule.observe(-Infinity)
  expect(schedule.state()).toEqual({ lr: 0.010000000000000002, best: null, bad: 0, cooldown: 0 })
})

test.each<[PlateauOptions, string]>([
  [{ factor: 1 }, 'factor must be a finite number of at least 0 and below 1, got 1. Choose another.'],
  [{ patience: -1 }, 'patience must be a whole number of at least 0, got -1. Choose another.'],
  [{ cooldown: 0.5 }, 'cooldown must be a whole number of at least 0, got 0.5. Choose another.'],
  [{ threshold: -1 }, 'threshold must be a finite number of at least 0, got -1. Choose another.'],
  [
    { mode: 'best' as 'min' },
    "mode must be 'min' or 'max' and thresholdMode 'rel' or 'abs', got best and rel. Choose among these.",
  ],
])('%o is refused', (options, message) => {
  expect(() => new ReduceLROnPlateau(0.1, options)).toThrow(`ReduceLROnPlateau: ${message}`)
})

test.each([{ lr: -1 }, { bad: 0.5 }, { cooldown: -1 }, { best: 'none' }, { lr: undefined }])(
  'a state with %o is refused and changes nothing',
  (wrong) => {
    const schedule = new ReduceLROnPlateau(0.1)
    const state = { lr: 0.2, best: null, bad: 0, cooldown: 0, ...wrong } as never
    expect(() => schedule.loadState(state)).toThrow(/ReduceLROnPlateau: this is no state of it, got \{.*Load/)
    expect(schedule.at()).toBe(0.1)
  },
)
