import fc from 'fast-check'
import { beforeAll } from 'vitest'
import { device } from '../src/index.ts'

/** The device under test; every fixture and every training test runs on it. */
export const testDevice = process.env.KDGRAD_DEVICE ?? 'reference'

// RUNS=10000 npm test for a soak; fast-check prints the seed of a failure. CI repeats itself, everybody else explores.
fc.configureGlobal({
  numRuns: Number(process.env.RUNS ?? 30),
  // A counterexample that takes long to shrink is reported as far as it has shrunk.
  ...(process.env.RUNS ? {} : { interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true }),
  ...(process.env.CI ? { seed: 1 } : {}),
})

beforeAll(async () => {
  await device(testDevice)
})
