import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

/** The runtime and the routines as one file, so that no process has to translate them: by tsx's own esbuild. */
const { buildSync } = createRequire(import.meta.resolve('tsx'))('esbuild') as {
  buildSync(options: Readonly<Record<string, unknown>>): void
}
const folder = mkdtempSync(join(tmpdir(), 'kdgrad-'))
const outfile = join(folder, 'bundle.mjs')
buildSync({
  stdin: {
    contents: `export * from './src/device/cpu/runtime.ts'; export * from './test/cpu/threads-support.ts'`,
    resolveDir: process.cwd(),
  },
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
})
const BUNDLE = JSON.stringify(pathToFileURL(outfile))
afterAll(() => rmSync(folder, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Milliseconds from its last line to its end. */
  readonly end: number
}

/** Runs a script that prints a line when all that remains is to end; 20 s at most. */
function run(script: string): Promise<Ended> {
  const args = ['--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { timeout: 20_000, killSignal: 'SIGKILL' })
  let [out, err, last] = ['', '', 0]
  child.stdout.on('data', (text) => {
    out += text
    last = performance.now()
  })
  child.stderr.on('data', (text) => {
    err += text
  })
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out, err, end: performance.now() - last }))
  })
}

/** Two threads that share jobs; `taken()` is a job's worth of work and says whether a worker took part. */
const PRELUDE = `
import { Runtime, bad, compiledIn, sharing, whose } from ${BUNDLE}
const runtime = new Runtime({ threads: 2 })
const { threads, share } = sharing(runtime, 2, 200)
const routine = compiledIn(runtime, whose)
const out = runtime.memory.allocate(64)
const taken = () => {
  share(routine, [out], 2)
  const [a, b] = runtime.memory.i32.subarray(out / 4, out / 4 + 2)
  return a !== b
}
while (!taken());
`

/** Milliseconds that an end may take: what loads the machine besides, it takes too. */
const AT_ONCE = 2000

describe('a process with worker threads', () => {
  test('ends by itself', async () => {
    const { code, out, err, end } = await run(`${PRELUDE} console.log('done')`)
    expect({ code, out, err }).toEqual({ code: 0, out: 'done\n', err: '' })
    expect(end).toBeLessThan(AT_ONCE)
  })

  test('ends by itself while they sleep', async () => {
    const { code, out, err } = await run(`${PRELUDE} setTimeout(() => console.log('done'), 100)`)
    expect({ code, out, err }).toEqual({ code: 0, out: 'done\n', err: '' })
  })

  test('ends by process.exit', async () => {
    const { code, end } = await run(`${PRELUDE} console.log('done'); process.exit(3)`)
    expect(code).toBe(3)
    expect(end).toBeLessThan(AT_ONCE)
  })

  test('ends by an error that nobody catches', async () => {
    const { code, err, end } = await run(`${PRELUDE} console.log('done'); throw new Error('on purpose')`)
    expect(code).toBe(1)
    expect(err).toContain('on purpose')
    expect(end).toBeLessThan(AT_ONCE)
  })

  test('ends while a worker is at work', async () => {
    const { code, out, end } = await run(`${PRELUDE}
      const slow = compiledIn(runtime, bad({ slow: 1 }))
      let error
      while (!error) try { share(slow, [], 2) } catch (e) { error = e }
      console.log(error.name)`)
    expect({ code, out }).toEqual({ code: 0, out: 'DeviceError\n' })
    expect(end).toBeLessThan(AT_ONCE)
  })

  test('shares nothing once they are closed, and goes on', async () => {
    const { code, out } = await run(`
      import { Runtime, whose } from ${BUNDLE}
      const runtime = new Runtime({ threads: 2 })
      const out = runtime.memory.allocate(64)
      const handle = runtime.define(whose)
      const taken = () => {
        runtime.run(handle, { units: 2, cost: 1e9 }, [out], [])
        const [a, b] = runtime.memory.i32.subarray(out / 4, out / 4 + 2)
        return a !== b
      }
      for (let i = 0; i < 2; i++) {
        while (!taken());
        await runtime.close()
        console.log(taken())
      }`)
    expect({ code, out }).toEqual({ code: 0, out: 'false\nfalse\n' })
  })
})

test('without shared memory there is one thread', async () => {
  const { code, out } = await run(`
    delete globalThis.SharedArrayBuffer
    delete process.env.KDGRAD_THREADS
    const { Runtime, plus } = await import(${BUNDLE})
    const runtime = new Runtime()
    const { memory } = runtime
    const at = memory.allocate(64)
    memory.f32.fill(1, at / 4, at / 4 + 4)
    runtime.run(runtime.define(plus(1)), { units: 1, cost: 1e9 }, [at, at], [])
    console.log(runtime.threads, memory.limits.shared, memory.f32[at / 4])
    try {
      new Runtime({ threads: 2 })
    } catch (error) {
      console.log(error.message)
    }`)
  expect(code).toBe(0)
  expect(out).toBe(
    '1 false 2\ncpu: threads need shared memory, which is not there, got threads 2. Serve the page cross-origin isolated, or use 1.\n',
  )
})
