import { setTimeout as later } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { Runtime } from '../../src/device/cpu/runtime.ts'
import { DeviceError } from '../../src/errors.ts'
import { firstDifference } from '../support/cpu-recipe.ts'
import { bad, compiledIn, plus, sharing, whose } from './threads-support.ts'

const open: { close(): Promise<void> }[] = []

function started(count: number, patience?: number) {
  const runtime = new Runtime({ threads: count })
  const made = sharing(runtime, count, patience)
  open.push(made.threads)
  return { runtime, ...made }
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

const floats = (n: number, at: (i: number) => number) => Float32Array.from({ length: n }, (_, i) => at(i))

/** The DeviceError that a job throws in the end: this thread may take the worker's share before, and its trap. */
function deviceErrorOf(job: () => void): DeviceError {
  for (let i = 0; i < 1000; i++) {
    try {
      job()
    } catch (error) {
      if (error instanceof DeviceError) return error
      expect(error).toBeInstanceOf(WebAssembly.RuntimeError)
    }
  }
  throw new Error('no worker ever took a share')
}

describe('shared jobs', () => {
  test.each([2, 3, 8])('%i threads do every unit once, whatever their number', (count) => {
    const { runtime, share } = started(count)
    const { memory } = runtime
    const routine = compiledIn(runtime, plus(1))
    const most = 50
    const all = [...Array(3 * count + 1).keys()].slice(1)
    const [x, out] = [memory.allocate(16 * most), memory.allocate(16 * most)]
    memory.f32.set(
      floats(4 * most, (i) => i),
      x / 4,
    )
    for (const units of [...all, 31, 32, most]) {
      memory.f32.fill(Number.NaN, out / 4, out / 4 + 4 * most)
      share(routine, [x, out], units)
      const got = memory.f32.slice(out / 4, out / 4 + 4 * most)
      const wanted = floats(4 * most, (i) => (i < 4 * units ? i + 1 : Number.NaN))
      expect(firstDifference(got, wanted)).toBe(-1)
    }
  })

  test('workers take part, each with scratch of its own', () => {
    const { runtime, share, scratch, stride } = started(3)
    const { memory } = runtime
    const routine = compiledIn(runtime, whose)
    const out = memory.allocate(64)
    const seen = new Set<number>()
    for (let i = 0; i < 2000 && seen.size < 3; i++) {
      share(routine, [out], 3)
      for (const at of memory.i32.subarray(out / 4, out / 4 + 3)) seen.add((at - scratch) / stride)
    }
    expect([...seen].sort()).toEqual([0, 1, 2])
  })

  test('10,000 small jobs, none lost', () => {
    const { runtime, share } = started(2)
    const { memory } = runtime
    const routine = compiledIn(runtime, plus(1))
    const [x, y] = [memory.allocate(64), memory.allocate(64)]
    memory.f32.fill(0, x / 4, x / 4 + 8)
    for (let i = 0; i < 10_000; i++) share(routine, i % 2 === 0 ? [x, y] : [y, x], 2)
    expect(memory.f32.slice(x / 4, x / 4 + 8)).toEqual(floats(8, () => 10_000))
  })

  test('workers that sleep wake up', async () => {
    const { runtime, share, scratch, stride } = started(2)
    const routine = compiledIn(runtime, whose)
    const out = runtime.memory.allocate(64)
    let woken = 0
    for (let i = 0; i < 500 && woken < 5; i++) {
      await later(10)
      share(routine, [out], 2)
      if (runtime.memory.i32[out / 4 + 1] === scratch + stride) woken++
    }
    expect(woken).toBe(5)
  })

  test('routines compiled later, in memory grown since', () => {
    const { runtime, share } = started(2)
    const { memory } = runtime
    for (let round = 1; round <= 8; round++) {
      // The last units of blocks that make memory grow.
      const [bytes, units] = [2 ** (16 + round), 256]
      const [x, out] = [1, 2].map(() => memory.allocate(bytes) + bytes - 16 * units) as [number, number]
      memory.f32.fill(round, x / 4, x / 4 + 4 * units)
      share(compiledIn(runtime, plus(round)), [x, out], units)
      expect(memory.f32.subarray(out / 4, out / 4 + 4 * units).every((v) => v === 2 * round)).toBe(true)
    }
  })

  test('two runtimes at once', () => {
    const sides = [started(2), started(2)].map(({ runtime, share }, i) => {
      const { memory } = runtime
      const [x, y] = [memory.allocate(64), memory.allocate(64)]
      memory.f32.fill(0, x / 4, x / 4 + 8)
      return { memory, share, routine: compiledIn(runtime, plus(i + 1)), x, y }
    })
    for (let n = 0; n < 1000; n++)
      for (const { share, routine, x, y } of sides) share(routine, n % 2 === 0 ? [x, y] : [y, x], 2)
    const sums = sides.map(({ memory, x }) => memory.f32[x / 4])
    expect(sums).toEqual([1000, 2000])
  })
})

describe('failures', () => {
  test('a routine that traps on a worker', () => {
    const { runtime, share, threads } = started(2)
    const { message } = deviceErrorOf(() => share(compiledIn(runtime, bad({ trap: 1 })), [], 2))
    expect(message).toMatch(/^cpu: a routine failed on a worker thread, got memory access out of bounds/)
    // The worker lives on.
    expect(threads.broken).toBe(false)
    const out = runtime.memory.allocate(64)
    share(compiledIn(runtime, whose), [out], 2)
  })

  test('a routine that traps on this thread', () => {
    const { runtime, share, threads } = started(2)
    const trap = compiledIn(runtime, bad({ trap: 0 }))
    expect(() => share(trap, [], 2)).toThrow(WebAssembly.RuntimeError)
    expect(threads.broken).toBe(false)
    expect(() => share(trap, [], 2)).toThrow(WebAssembly.RuntimeError)
  })

  test('a worker that never comes to an end', () => {
    const { runtime, share, threads } = started(2, 200)
    const slow = compiledIn(runtime, bad({ slow: 1 }))
    const { message } = deviceErrorOf(() => share(slow, [], 2))
    expect(message).toMatch(/^cpu: a worker thread has not come to an end for 0\.2 s/)
    expect(threads.broken).toBe(true)
  })

  test('a worker that died', async () => {
    const { runtime, share, threads } = started(2)
    const routine = compiledIn(runtime, whose)
    const out = runtime.memory.allocate(64)
    share(routine, [out], 2)
    await threads.close()
    await later(0)
    expect(threads.broken).toBe(true)
    expect(() => share(routine, [out], 2)).toThrow(/^cpu: a worker thread died, because it ended with code 1/)
  })
})

describe('the runtime', () => {
  const opened = (threads: number): Runtime => {
    const runtime = new Runtime({ threads })
    open.push(runtime)
    return runtime
  }

  test('has the same bits with one thread and with two', () => {
    const results = [1, 2].map((threads) => {
      const runtime = opened(threads)
      const { memory } = runtime
      const units = 4096
      const [x, out] = [memory.allocate(16 * units), memory.allocate(16 * units)]
      memory.f32.set(
        floats(4 * units, (i) => Math.sin(i)),
        x / 4,
      )
      const handle = runtime.define(plus(0.1, 200))
      const all: Float32Array[] = []
      for (let i = 0; i < 30; i++) {
        memory.f32.fill(0, out / 4, out / 4 + 4 * units)
        runtime.run(handle, { units, cost: 300 }, [x, out], [])
        all.push(memory.f32.slice(out / 4, out / 4 + 4 * units))
      }
      expect(all.findIndex((one) => firstDifference(one, all[0]!) >= 0)).toBe(-1)
      return all[0]!
    })
    expect(firstDifference(results[1]!, results[0]!)).toBe(-1)
  })

  test('runs on where a worker failed before', () => {
    const runtime = opened(2)
    const trap = runtime.define(bad({ trap: 1 }))
    deviceErrorOf(() => runtime.run(trap, { units: 2, cost: 1e9 }, [], []))
    const { memory } = runtime
    const [x, out] = [memory.allocate(64), memory.allocate(64)]
    memory.f32.fill(1, x / 4, x / 4 + 8)
    runtime.run(runtime.define(plus(1)), { units: 2, cost: 1e9 }, [x, out], [])
    expect(memory.f32.slice(out / 4, out / 4 + 8)).toEqual(floats(8, () => 2))
  })

  test('compiles what it can where a routine cannot be built', () => {
    const runtime = opened(1)
    const good = runtime.define(whose)
    const broken = runtime.define({
      key: 'test unbuildable',
      scratch: 0,
      build: () => {
        throw new RangeError('unbuildable')
      },
    })
    const out = runtime.memory.allocate(64)
    runtime.runRange(good, [out], [], 0, 1)
    expect(() => runtime.runRange(broken, [out], [], 0, 1)).toThrow('unbuildable')
    expect(() => runtime.runRange(broken, [out], [], 0, 1)).toThrow('unbuildable')
    runtime.run(good, { units: 2, cost: 1 }, [out], [])
  })
})

describe('the number of threads', () => {
  const withVariable = (value: string | undefined, make: () => number): number => {
    const before = process.env.KDGRAD_THREADS
    if (value === undefined) delete process.env.KDGRAD_THREADS
    else process.env.KDGRAD_THREADS = value
    try {
      return make()
    } finally {
      if (before === undefined) delete process.env.KDGRAD_THREADS
      else process.env.KDGRAD_THREADS = before
    }
  }
  const threads = (asked?: number) => new Runtime({ threads: asked }).threads

  test('is what is asked for, else KDGRAD_THREADS, else one a core up to eight', () => {
    expect(withVariable('3', () => threads(2))).toBe(2)
    expect(withVariable('3', () => threads())).toBe(3)
    for (const nothing of [undefined, '']) {
      const count = withVariable(nothing, () => threads())
      expect(count).toBeGreaterThanOrEqual(1)
      expect(count).toBeLessThanOrEqual(8)
    }
  })

  test.each([0, -1, 1.5, 65, Number.NaN])('cannot be %d', (count) => {
    expect(() => threads(count)).toThrow(
      `cpu: threads must be a whole number from 1 to 64, got ${count}. Leave it out for one thread a core.`,
    )
  })

  test.each(['two', '0', '1e9', '2.5'])('cannot be %s in the environment', (value) => {
    expect(() => withVariable(value, () => threads())).toThrow(
      `cpu: KDGRAD_THREADS must be a whole number from 1 to 64, got ${value}.`,
    )
  })
})
