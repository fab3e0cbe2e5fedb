import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { Child, errorLine, type Program } from '../bench/compare/child.ts'
import type { Name, Participant } from '../bench/compare/participants.ts'
import { inWords, ratioOf, tableOf } from '../bench/compare/report.ts'
import { timesOf } from '../bench/compare/rounds.ts'
import { type SavedComparison, save } from '../bench/compare/save.ts'
import { faultOf } from '../bench/compare/sharing.ts'
import { compare, type Row } from '../bench/compare/works.ts'
import type { Definition } from '../bench/definition.ts'
import { filled, uniform } from '../bench/inputs.ts'
import { device } from '../src/index.ts'
import { testDevice } from './setup.ts'

// The driver of `npm run bench:peers`, with processes that need nothing installed.

afterEach(async () => {
  await device(testDevice)
})

const product: Definition = {
  name: 'product',
  task: 'matmul',
  params: {},
  inputs: { a: uniform(1, [3, 3]), b: uniform(2, [3, 3]) },
  results: ['product'],
  flops: 54,
}

const script = (code: string): Program => ({ command: process.execPath, args: ['-e', code] })

/** A process that is ready and answers every request with what `answer` gives, an expression of `request`. */
const answering = (answer: string): Program =>
  script(`
    console.log('hello from a library')
    console.log(JSON.stringify({ ready: 'script' }))
    require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const request = JSON.parse(line)
      console.log(JSON.stringify(${answer}))
    })`)

const participant = (name: Name, program: Program, threaded = false): Participant => ({
  name,
  worker: () => program,
  cold: () => program,
  threaded,
})

/** kdgrad's own process, on the sources. */
const ours: Program = {
  command: process.execPath,
  args: ['--import', 'tsx', 'bench/compare/kdgrad.ts', 'cpu'],
}

describe('participants', () => {
  test('that are right are timed in every round; others say why not', async () => {
    const wrong = answering(
      "(require('fs').writeFileSync(request.output, new Float32Array(9)), { lengths: [9] })",
    )
    const rows = await compare(
      product,
      [
        participant('kdgrad', ours),
        participant('tfjs', wrong),
        participant('jax-js', answering("{ error: 'Error: no such kernel' }")),
        participant('torch', script("throw new TypeError('out of luck')")),
      ],
      4,
    )
    expect(rows).toHaveLength(1)
    const { kdgrad, ...others } = rows[0]!.outcomes
    expect(kdgrad).toMatchObject({ samples: 4 })
    const { min, median, max, runs } = kdgrad as ReturnType<typeof timesOf>
    expect(min).toBeGreaterThan(0)
    expect(min).toBeLessThanOrEqual(median)
    expect(median).toBeLessThanOrEqual(max)
    // A sample of something so short is the mean over many runs.
    expect(runs).toBeGreaterThan(2)
    expect(others).toEqual({
      tfjs: {
        error: 'product differs from reference by 1.0e+0 of the largest value where 0.0001 is allowed',
      },
      'jax-js': { error: 'Error: no such kernel' },
      torch: { error: 'TypeError: out of luck' },
    })
  })

  test('with threads appear in a second row', async () => {
    const failing = answering("{ error: 'no' }")
    const rows = await compare(
      { ...product, threads: 2 },
      [participant('kdgrad', failing, true), participant('tfjs', failing)],
      1,
    )
    expect(rows.map(({ threads, outcomes }) => [threads, Object.keys(outcomes)])).toEqual([
      [1, ['kdgrad', 'tfjs']],
      [2, ['kdgrad']],
    ])
  })

  test('that take steps are checked by loss and by how the weights move', async () => {
    const definition: Definition = {
      name: 'step',
      task: 'stepMnist',
      params: { lr: 0.05, momentum: 0.9, ceWeight: 0.5, temperature: 4 },
      inputs: {
        images: uniform(1, [2, 1, 28, 28]),
        teacher: uniform(2, [2, 10]),
        labels: { shape: [2], dtype: 'int', values: () => Int32Array.of(3, 7) },
        'conv1.weight': uniform(3, [16, 1, 3, 3], 0.3),
        'conv1.bias': filled([16], 0.1),
        'conv2.weight': uniform(4, [32, 16, 3, 3], 0.1),
        'conv2.bias': filled([32], 0.1),
        'fc.weight': uniform(5, [10, 1568], 0.03),
        'fc.bias': filled([10], 0),
      },
      results: ['loss', 'conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias', 'fc.weight', 'fc.bias'],
      runs: 2,
    }
    const [row] = await compare(definition, [participant('kdgrad', ours)], 1)
    expect(row!.outcomes.kdgrad).toMatchObject({ samples: 1 })
  })
})

describe('a process', () => {
  test('that does not answer in time is stopped', async () => {
    const { child } = await Child.start(answering('(() => { for (;;); })()'), 1)
    await expect(child.ask({ do: 'memory' })).rejects.toThrow('no answer in 1 s')
    await expect(child.ask({ do: 'memory' })).rejects.toThrow('ended with SIGKILL')
  })

  test('that is not there says so', async () => {
    await expect(Child.start({ command: '/nowhere/python3', args: [] })).rejects.toThrow('ENOENT')
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('ends with the driver on %s', async (signal) => {
    const driver = spawn(process.execPath, [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      `import { Child } from './bench/compare/child.ts'
       const code = 'console.log(JSON.stringify({ ready: process.pid })); setInterval(() => {}, 1000)'
       const { ready } = await Child.start({ command: process.execPath, args: ['-e', code] })
       console.log(ready)`,
    ])
    const [pid] = (await once(driver.stdout, 'data')) as [Buffer]
    const running = () => {
      try {
        return process.kill(Number(String(pid)), 0)
      } catch {
        return false
      }
    }
    expect(running()).toBe(true)
    driver.kill(signal)
    const [code] = await once(driver, 'close')
    expect(code).toBe(130)
    await expect.poll(running, { timeout: 2000 }).toBe(false)
  })

  test.each([
    {
      complaints:
        'file:///a.js:3\n  throw new RangeError("deep")\n\nRangeError: deep\n    at a.js:3\n\nNode.js v20\n',
      line: 'RangeError: deep',
    },
    {
      complaints:
        'Traceback (most recent call last):\n  File "a.py"\nModuleNotFoundError: No module named \'torch\'\n',
      line: "ModuleNotFoundError: No module named 'torch'",
    },
    { complaints: 'Killed\n', line: 'Killed' },
    { complaints: ' \n', line: undefined },
  ])('tells the line that says what is wrong: $line', ({ complaints, line }) => {
    expect(errorLine(complaints)).toBe(line)
  })
})

describe('results', () => {
  const inputs = { w: filled([2], 100) }

  test('that are new values of inputs are compared by how far they have moved', () => {
    const definition = { inputs, results: ['loss', 'w'] }
    expect(faultOf(definition, [[1], [100.1, 100.2]], [[1], [100.1, 100.2]])).toBeNull()
    // 1e-4 of the values, but all of the move.
    expect(faultOf(definition, [[1], [100, 100]], [[1], [100.01, 100.01]])).toBe(
      'w moves otherwise than on reference, by 1.0e+0 where 0.01 is allowed',
    )
    expect(faultOf(definition, [[1.001], [100, 100]], [[1], [100, 100]])).toMatch(
      /^loss differs from reference by 1\.0e-3 /,
    )
    expect(faultOf(definition, [[1]], [[1], [100, 100]])).toBe('gave 1 results where there are 2')
  })

  test('within 1e-4 of the largest value are right, and no others', () => {
    const value = fc.double({ min: 0.5, max: 8, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1 }),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (wanted, at, share) => {
          const largest = Math.max(...wanted)
          const got = (error: number) =>
            wanted.map((v, i) => (i === at % wanted.length ? v + error * largest : v))
          const definition = { inputs: {}, results: ['y'] }
          expect(faultOf(definition, [got(0.99e-4 * share)], [wanted])).toBeNull()
          expect(faultOf(definition, [got(1.01e-4 + share)], [wanted])).not.toBeNull()
        },
      ),
    )
  })
})

describe('the report', () => {
  const times = (median: number, samples = 10) => ({
    ...timesOf([median - 1, median, median + 1], 1),
    samples,
  })
  const row: Row = {
    work: 'matmul 2',
    threads: 1,
    flops: 4e9,
    outcomes: {
      kdgrad: times(20),
      tfjs: times(100),
      'jax-js': { ...times(6000, 3), note: 'not jitted' },
      torch: { error: 'no such kernel' },
    },
  }

  test('gives the median of an even and an odd number of samples', () => {
    expect(timesOf([4, 1, 3, 2], 5)).toEqual({ median: 2.5, min: 1, max: 4, samples: 4, runs: 5 })
    expect(timesOf([9, 1, 3], 1)).toEqual({ median: 3, min: 1, max: 9, samples: 3, runs: 1 })
  })

  test('has times, rate, ratios, and what failed', () => {
    const text = tableOf(
      [row, { ...row, threads: 2, outcomes: { kdgrad: times(10) } }],
      ['kdgrad', 'tfjs', 'jax-js', 'torch'],
      10,
    )
    const [, , , first, , second, , ...lines] = text.split('\n')
    const cells = (line: string) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .slice(1, -1)
    expect(cells(first!)).toEqual([
      'matmul 2',
      '20.0 [19.0-21.0]',
      '200',
      '100 [99.0-101]',
      '5.0x',
      '6000 [5999-6001] n=3 [1]',
      '300x',
      'failed [2]',
      '',
    ])
    expect(cells(second!)).toEqual([
      'matmul 2, 2 threads',
      '10.0 [9.00-11.0]',
      '400',
      '-',
      '',
      '-',
      '',
      '-',
      '',
    ])
    expect(lines.slice(1)).toEqual(['[1] not jitted', '[2] no such kernel'])
    expect(inWords(row)).toBe('matmul 2: kdgrad 20.0, tfjs 100, jax-js 6000, torch failed')
    expect(ratioOf(row, 'torch')).toBeNull()
  })

  const folder = mkdtempSync(join(tmpdir(), 'kdgrad-bench-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('is saved over the last one, work by work', () => {
    const file = join(folder, 'results', 'peers.json')
    const other: Row = { ...row, work: 'other' }
    save(file, { participants: { kdgrad: '1' }, rows: [row, other], memory: [], bareNode: times(40) })
    save(file, {
      participants: { kdgrad: '2' },
      rows: [{ ...row, outcomes: { kdgrad: times(50), tfjs: times(25) } }],
      memory: [],
    })
    const saved = JSON.parse(readFileSync(file, 'utf8')) as SavedComparison
    expect(saved.rows.map(({ work, participants, ratios }) => ({ work, participants, ratios }))).toEqual([
      { work: 'matmul 2', participants: { kdgrad: '2' }, ratios: { tfjs: 0.5 } },
      { work: 'other', participants: { kdgrad: '1' }, ratios: { tfjs: 5, 'jax-js': 300 } },
    ])
    expect(saved.bareNode).toEqual(times(40))
    expect(saved.memory).toBeUndefined()
  })
})
