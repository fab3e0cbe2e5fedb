import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { meanError, worstError } from '../bench/check.ts'
import { computing } from '../bench/computing.ts'
import { BOUNDS, type Memory, verdict } from '../bench/memory.ts'
import { changes, lastRun, saveRun, twoDigits } from '../bench/results.ts'
import { type Measured, measureSuite, type Suite } from '../bench/support.ts'
import { device, tensor } from '../src/index.ts'
import { testDevice } from './setup.ts'

const quick = { maxTime: 0.01, minSamples: 3, tooSlow: 1000 }
const MiB = 2 ** 20

async function quietly<T>(act: () => Promise<T>): Promise<T> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    return await act()
  } finally {
    log.mockRestore()
    await device(testDevice)
  }
}

describe('a suite', () => {
  test('is measured on every device, cold and warm', async () => {
    let runs = 0
    const suite: Suite = {
      name: 'tiny',
      works: [
        {
          name: 'square 2',
          flops: 2,
          prepare: () => {
            const x = tensor([1, 2])
            return computing(() => {
              runs++
              return [x.mul(x)]
            })
          },
        },
      ],
    }
    const measured = await quietly(() => measureSuite(suite, ['reference', 'gpujs-wasm'], quick))
    expect(measured.map(({ work, device }) => `${work} on ${device}`)).toEqual([
      'square 2 on reference',
      'square 2 on gpujs-wasm',
    ])
    for (const { cold, warm } of measured) {
      expect(cold).toBeGreaterThan(0)
      expect(warm.samples).toBeGreaterThanOrEqual(3)
      expect(warm.median).toBeGreaterThan(0)
      expect(warm.min).toBeLessThanOrEqual(warm.max)
    }
    // Every timed run builds and computes its own graph: far more of them than cases.
    expect(runs).toBeGreaterThan(10)
  })

  test('that computes something else than reference is refused', async () => {
    let devices = 0
    const suite: Suite = {
      name: 'wrong',
      works: [
        {
          name: 'wrong',
          prepare: () => {
            const x = tensor([++devices])
            return computing(() => [x.add(1)])
          },
        },
      ],
    }
    await expect(quietly(() => measureSuite(suite, ['gpujs-wasm'], quick))).rejects.toThrow(
      'bench: wrong on gpujs-wasm differs from reference, got an error of 5.0e-1 of the largest value where 0.0001 is allowed.',
    )
  })

  test('whose runs fail once they are timed says so', async () => {
    let runs = 0
    const suite: Suite = {
      name: 'failing',
      works: [
        {
          name: 'failing',
          prepare: () =>
            computing(() => {
              if (++runs > 4) throw new Error('out of luck')
              return [tensor([1]).add(1)]
            }),
        },
      ],
    }
    await expect(quietly(() => measureSuite(suite, ['reference'], quick))).rejects.toThrow('out of luck')
  })

  test.each([
    {
      args: ['bench/run.ts', 'loses'],
      says: /^suite: there is no loses\. Did you mean losses\? Choose from matmul, conv2d, elementwise, losses, features, step, overhead\.$/m,
    },
    {
      args: ['bench/run.ts', 'losses', '--device', 'abacus'],
      says: /^device: there is no abacus\. Choose from auto, reference, /,
    },
    { args: ['bench/scaling.ts', 'widht'], says: /^table: there is no widht\. Did you mean width\? / },
    {
      args: ['bench/compare/run.ts', '--works', 'matmul 257'],
      says: /^work: there is no matmul 257\. Did you mean matmul 25?6\? Choose from matmul, conv2d, /,
    },
    {
      args: ['bench/compare/run.ts', '--works', 'overhead', '--peers', 'touch'],
      says: /^peer: there is no touch\. Did you mean torch\? Choose from tfjs, jax-js, torch\.$/m,
    },
    { args: ['bench/compare/run.ts', '--rounds', '0'], says: /Give a whole number of at least 1\.$/m },
  ])('or device that is unknown ends with one sentence and exit code 2: $args', ({ args, says }) => {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...args], { encoding: 'utf8' })
    expect(stderr).toMatch(says)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(status).toBe(2)
  })
})

describe('errors', () => {
  test('are shares of the largest wanted value', () => {
    expect(worstError([[1, 8.5], [2]], [[1, 8], [2]])).toBe(0.0625)
  })

  test.each([
    { got: [[1, Number.NaN]], wanted: [[1, 2]] },
    { got: [[1]], wanted: [[1, 2]] },
    { got: [[1]], wanted: [[1], [2]] },
    { got: [[1]], wanted: [[0]] },
  ])('are infinite for $got where $wanted is wanted', ({ got, wanted }) => {
    expect(worstError(got, wanted)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('errors in the mean', () => {
  test('are shares of the wanted values', () => {
    expect(meanError([3, 4, 1], [3, 4, 0])).toBe(0.2)
    expect(meanError([0], [0])).toBe(0)
    expect(meanError([Number.NaN], [0])).toBe(Number.POSITIVE_INFINITY)
    expect(meanError([1, 2], [1])).toBe(Number.POSITIVE_INFINITY)
  })
})

test('rates keep two digits, and all before the point', () => {
  expect([0.0123, 9.96, 99.4, 99.6, 1234].map(twoDigits)).toEqual(['0.012', '10', '99', '100', '1234'])
})

describe('the last run', () => {
  const measured = (mean: number, margin: number | null): Measured => ({
    work: 'w',
    device: 'd',
    flops: undefined,
    cold: 1,
    warm: { median: mean, mean, margin, min: mean, max: mean, samples: margin === null ? 1 : 9 },
  })

  type Mean = Parameters<typeof measured>
  test.each<{ before: Mean; now: Mean; says: string[] }>([
    { before: [10, 1], now: [13, 2], says: ['w on d: 30 % slower, 13.0 ± 2.00 ms after 10.0 ± 1.00 ms'] },
    { before: [10, 1], now: [5, 2], says: ['w on d: 50 % faster, 5.00 ± 2.00 ms after 10.0 ± 1.00 ms'] },
    { before: [10, 1], now: [12, 2], says: [] },
    { before: [10, 4], now: [13, 2], says: [] },
    { before: [10, null], now: [13, 2], says: [] },
  ])('$before then $now: $says', ({ before, now, says }) => {
    const folder = mkdtempSync(join(tmpdir(), 'kdgrad-bench-'))
    try {
      expect(changes([measured(...now)], lastRun(folder, 's'))).toEqual([])
      saveRun(folder, 's', [measured(...before)])
      expect(changes([measured(...now)], lastRun(folder, 's'))).toEqual(says)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the verdict on memory', () => {
  /** 20 samples, each measure by the sample's number. */
  const series = (bytes: (i: number) => number): Memory[] =>
    Array.from({ length: 20 }, (_, i) => {
      const at = bytes(i)
      return { step: 500 * (i + 1), heapUsed: at, external: at, arrayBuffers: at, rss: at }
    })

  test.each([
    ['flat', () => 50 * MiB],
    ['noisy', (i: number) => 50 * MiB + (i % 3) * 0.4 * MiB],
    ['grown while warming up', (i: number) => Math.min(i, 5) * 20 * MiB],
    ['high once', (i: number) => (i === 15 ? 500 * MiB : 50 * MiB)],
    ['shrinking', (i: number) => (100 - i) * MiB],
  ])('%s: nothing to say', (_, bytes) => {
    expect(verdict(series(bytes))).toBeNull()
  })

  test('a leak of 320 bytes a step is found in 10,000 steps', () => {
    const flat = series(() => 50 * MiB)
    const leak = flat.map((memory) => ({ ...memory, heapUsed: memory.heapUsed + 320 * memory.step }))
    expect(verdict(leak)).toBe(
      'soak: memory grows after the warm-up, got heapUsed from 51.60 to 52.67 MiB where 1.00 more is allowed. Something holds on to what a step made.',
    )
  })

  test('every measure has its own bound', () => {
    const flat = series(() => 50 * MiB)
    const leak = flat.map((memory, i) => ({ ...memory, rss: memory.rss + i * BOUNDS.rss }))
    expect(verdict(leak)).toMatch(/got rss from \d+\.\d\d to \d+\.\d\d MiB where 24\.00 more is allowed\./)
  })

  test('few samples are no proof', () => {
    expect(verdict(series(() => 0).slice(0, 5))).toBe(
      'soak: too few samples, got 5. Take at least 6; run more steps.',
    )
  })
})
