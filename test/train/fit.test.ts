import { describe, expect, test, vi } from 'vitest'
import { imagesOf, labelsOf } from '../../src/data/batch.ts'
import { subset } from '../../src/data/index.ts'
import { crossEntropy, tensor } from '../../src/index.ts'
import type { Combined } from '../../src/losses/index.ts'
import { Student } from '../../src/nn/models/index.ts'
import { Adam } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/train/checkpoint.ts'
import { type FitOptions, fit } from '../../src/train/fit.ts'
import type { FitState } from '../../src/train/fit-state.ts'
import { courseOf, optimizerNames, optimizerOf, scheduleNames } from '../../src/train/training.ts'
import { noise } from '../support/noise.ts'

const SIDE = 8

const data = noise(1, 20, SIDE)
const model = () => new Student({ size: SIDE, classes: 3, channels: [2, 3], seed: 1 })

function setting(changes: Partial<FitOptions> = {}) {
  const student = model()
  const options: FitOptions = {
    name: 'test',
    data,
    modules: [student],
    optimizer: new Adam(student.parameters(), { lr: 0.01 }),
    loss: ({ indices }): Combined => {
      const { logits } = student.forward(imagesOf(data, indices))
      const value = crossEntropy(logits, labelsOf(data, indices))
      return { total: value, terms: { ce: { value, weight: 1 } } }
    },
    judge: {
      predict: (images) => ({ student: student.forward(images).logits }),
      test: noise(2, 12, SIDE),
      validation: noise(3, 9, SIDE),
      every: 1,
    },
    epochs: 4,
    batchSize: 6,
    schedule: () => 0.01,
    random: new Random(5),
    ...changes,
  }
  return { student, options }
}

const weightsOf = async (student: Student) =>
  Promise.all([...student.stateDict()].map(async ([name, t]) => [name, Array.from(await t.data())]))

describe('fit', () => {
  test('waits for what onStep returns', async () => {
    let free = () => {}
    let steps = 0
    const { options } = setting({
      epochs: 1,
      onStep: () => {
        steps++
        return new Promise<void>((resolve) => {
          free = resolve
        })
      },
    })
    const run = fit(options)
    for (let held = 1; held <= 4; held++) {
      await vi.waitFor(() => expect(steps).toBe(held))
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(steps).toBe(held)
      free()
    }
    expect((await run).done).toBe(true)
  })

  test.each([undefined, 0.9])(
    'goes on from any checkpoint bit for bit, with averaging %s',
    async (averaging) => {
      const saved: Uint8Array[] = []
      const keep = async (state: FitState) => {
        const run = { row: 'test', seed: 0 }
        saved.push(
          await encodeCheckpoint(
            { finished: [], current: { run, stages: [], seconds: 1, fit: state } },
            'test',
          ),
        )
      }
      const whole = setting({ averaging, checkpointEvery: 3, onCheckpoint: keep })
      const { history, best } = await fit(whole.options)
      const weights = await weightsOf(whole.student)
      expect(saved).toHaveLength(5)
      for (const bytes of saved) {
        const again = setting({ averaging })
        const { current } = await decodeCheckpoint(bytes, 'a file', 'test')
        const resumed = await fit(again.options, current!.fit)
        expect(resumed.history).toEqual(history)
        expect(resumed.best?.epoch).toBe(best?.epoch)
        expect(await weightsOf(again.student)).toEqual(weights)
      }
    },
  )

  test('keeps the epoch that validation judges best, and ends when nothing gets better', async () => {
    const { options } = setting({ epochs: 40, patience: 3 })
    const { history, best, done } = await fit(options)
    const accuracies = history.map((epoch) => epoch.validationAccuracy!)
    expect(best!.validationAccuracy).toBe(Math.max(...accuracies))
    expect(best!.epoch).toBe(accuracies.indexOf(best!.validationAccuracy) + 1)
    expect(history.length).toBe(best!.epoch + 3)
    expect(done).toBe(true)
  })

  test('ends after so many steps, within an epoch, and is judged there', async () => {
    const { options } = setting({ epochs: 2, steps: 6, checkpointEvery: 6 })
    const { history, done } = await fit(options)
    expect(options.optimizer.steps).toBe(6)
    expect(done).toBe(true)
    expect(history.map(({ epoch, testAccuracy }) => [epoch, testAccuracy === undefined])).toEqual([
      [1, false],
      [2, false],
    ])
  })

  test('is judged by, and ends with, the moving average', async () => {
    const plain = setting()
    const averaged = setting({ averaging: 0.5 })
    await fit(plain.options)
    await fit(averaged.options)
    expect(await weightsOf(averaged.student)).not.toEqual(await weightsOf(plain.student))
    const still = setting({ averaging: 0 })
    await fit(still.options)
    expect(await weightsOf(still.student)).toEqual(await weightsOf(plain.student))
  })

  test('a loss that is NaN stops at that step, names where it is from, and moves nothing', async () => {
    const { student, options } = setting()
    const { loss } = options
    const before = await weightsOf(student)
    const broken = fit({
      ...options,
      loss: (pick) => {
        const { total, terms } = loss(pick)
        const bad = tensor(Float32Array.from(pick.indices, (index) => (index === 7 ? -1 : 1)))
        const value = total.add(bad.sqrt().mean())
        return { total: value, terms }
      },
    })
    await expect(broken).rejects.toThrow(
      /^train: the loss of test became NaN at step \d of 16, epoch 1, got ce [\d.]+ and learning rate 0.01. sqrt \[\d\] was the first to give NaN for sample 7 of noise. /,
    )
    const moved = await weightsOf(student)
    const epoch = new Random(5).fork('epoch 1').permutation(data.size)
    if (epoch.indexOf(7) < 6) expect(moved).toEqual(before)
    expect(JSON.stringify(moved)).not.toContain('null')
  })

  test('a sample is named by its place in the set that it was taken from', async () => {
    const some = subset(subset(data, [19, 3, 12, 5]), [2, 1])
    const { options } = setting()
    const broken = fit({
      ...options,
      data: some,
      batchSize: 2,
      loss: (pick) => {
        const { total, terms } = options.loss(pick)
        const bad = tensor(Float32Array.from(pick.indices, (i) => 0.5 - i)).sqrt()
        return { total: total.add(bad.mean()), terms }
      },
    })
    await expect(broken).rejects.toThrow(/for sample 3 of noise\. /)
  })

  test('a gradient that is NaN under a finite loss stops it too', async () => {
    const { student, options } = setting()
    const before = await weightsOf(student)
    const broken = fit({
      ...options,
      loss: ({ indices }) => {
        const { logits } = student.forward(imagesOf(data, indices))
        const value = logits.sub(logits).sqrt().mean()
        return { total: value, terms: { root: { value, weight: 1 } } }
      },
    })
    await expect(broken).rejects.toThrow(
      /^train: a gradient of test became NaN or infinite at step 1 of 16, epoch 1, got root 0 and learning rate 0.01. \w+ \[[\d, ]+\] was the first to give /,
    )
    expect(await weightsOf(student)).toEqual(before)
  })

  test('clips what it is told to', async () => {
    const { student } = setting()
    const training = {
      epochs: 1,
      batchSize: 6,
      learningRate: 1,
      optimizer: 'sgd',
      momentum: 0,
      weightDecay: 0,
    } as const
    const optimizer = optimizerOf({ ...training, clipNorm: 0.001 }, student.parameters())
    const before = await weightsOf(student)
    const { logits } = student.forward(imagesOf(data, [0, 1, 2]))
    await optimizer.step(crossEntropy(logits, labelsOf(data, [0, 1, 2])))
    const moved = await weightsOf(student)
    const names = new Set(student.namedParameters().keys())
    const length = Math.sqrt(
      moved
        .filter(([name]) => names.has(name as string))
        .flatMap(([, values], i) => {
          const old = before.filter(([name]) => names.has(name as string))[i]![1] as number[]
          return (values as number[]).map((value, k) => (value - old[k]!) ** 2)
        })
        .reduce((sum, square) => sum + square, 0),
    )
    expect(length).toBeCloseTo(0.001, 6)
  })
})

describe('every schedule and optimiser by name', () => {
  test.each(scheduleNames)('%s', (schedule) => {
    const at = courseOf({
      epochs: 1,
      batchSize: 1,
      learningRate: 0.1,
      optimizer: 'sgd',
      schedule,
      warmupSteps: 3,
    }).schedule
    const rates = Array.from({ length: 20 }, (_, step) => at(step, 20, []))
    expect(rates.every((rate) => rate >= 0 && rate <= 0.1 + 1e-12)).toBe(true)
    expect(Math.max(...rates)).toBeGreaterThan(0.09)
  })

  test('plateau goes by the validation accuracies so far', () => {
    const at = courseOf({
      epochs: 9,
      batchSize: 1,
      learningRate: 0.1,
      optimizer: 'adam',
      schedule: 'plateau',
      gamma: 0.5,
      plateauPatience: 1,
    }).schedule
    const judged = [50, 60, undefined, 60, 59, 61, 61, 61].map((validationAccuracy) =>
      validationAccuracy === undefined ? {} : { validationAccuracy },
    )
    const rates = judged.map((_, epochs) => at(epochs, 9, judged.slice(0, epochs + 1)))
    expect(rates).toEqual([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025])
  })

  test.each([
    ['step', { stepSize: 0.25, gamma: 0.5 }, [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125]],
    ['polynomial', { power: 2 }, [8, 7, 6, 5, 4, 3, 2, 1].map((left) => 0.1 * (left / 8) ** 2)],
  ] as const)('%s goes down over the run', (schedule, settings, wanted) => {
    const training = { epochs: 1, batchSize: 1, learningRate: 0.1, optimizer: 'adam', ...settings } as const
    const at = courseOf({ ...training, schedule }).schedule
    wanted.forEach((rate, step) => {
      expect(at(step, 8, [])).toBeCloseTo(rate, 12)
    })
  })

  test.each(optimizerNames)('%s', async (optimizer) => {
    const { student, options } = setting()
    const training = { epochs: 1, batchSize: 6, learningRate: 0.01, optimizer, weightDecay: 1e-3 }
    const { history } = await fit({ ...options, optimizer: optimizerOf(training, student.parameters()) })
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss)
  })
})
