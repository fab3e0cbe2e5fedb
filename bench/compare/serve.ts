import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { TaskName } from '../definition.ts'
import type { Input } from '../inputs.ts'
import { sampleMemory } from '../memory.ts'
import type { InputFile, MemoryInUse, Prepare, Prepared, Repeated, Request } from './protocol.ts'

export interface Computation<T> {
  /** Computes once, or queues that. What is returned is read or waited for, and then freed. */
  readonly run: () => readonly T[] | Promise<readonly T[]>
  /**
   * The results in the common layout (NCHW, OIHW, [out, in]), from what `run` returned, which it may add to. Left out
   * where `run` returns them as they are.
   */
  readonly results?: (made: readonly T[]) => readonly T[]
  readonly note?: string
}

/** A library that is written in JavaScript, as it is used for each task. */
export interface Engine<T> {
  /** Name and version of the library, and what it computes on. */
  readonly version: string
  readonly compute: (
    task: TaskName,
    inputs: Readonly<Record<string, Input>>,
    params: Readonly<Record<string, number>>,
  ) => Computation<T>
  readonly sizeOf: (result: T) => number
  /** Leaves the result as it is. */
  readonly read: (result: T) => Promise<ArrayLike<number>>
  readonly free: (results: readonly T[]) => void
  /** Waits until the result is computed, and copies next to nothing. Left out where `run` leaves nothing queued. */
  readonly wait?: (result: T) => Promise<unknown>
  /** Before the clock starts: gives back what earlier runs have left. Left out where `free` does. */
  readonly tidy?: () => Promise<unknown>
}

/** Copies of more elements than this are no part of the work: new memory for them can take longer than computing. */
const SMALL = 16_384

/** Answers requests on stdin for as long as it is open. */
export async function serve<T>(engine: Engine<T>): Promise<void> {
  let computation: Computation<T> | undefined
  say({ ready: engine.version })
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(JSON.parse(line) as Request))
    } catch (error) {
      say({ error: String(error) })
    }
  }

  function answer(request: Request): Promise<Prepared | Repeated | MemoryInUse> {
    switch (request.do) {
      case 'prepare':
        return prepare(request)
      case 'run':
        return repeat(request.times)
      case 'memory':
        return lookAtMemory()
    }
  }

  async function prepare({ task, params, inputs, runs, output }: Prepare): Promise<Prepared> {
    const given = Object.fromEntries(Object.entries(inputs).map(([name, file]) => [name, readInput(file)]))
    computation = engine.compute(task, given, params)
    for (let i = 1; i < runs; i++) engine.free(await computation.run())
    const made = await computation.run()
    const results = computation.results?.(made) ?? made
    const values: Float32Array[] = []
    for (const result of results) values.push(Float32Array.from(await engine.read(result)))
    engine.free(results)
    writeFileSync(output, Buffer.concat(values.map(({ buffer }) => Buffer.from(buffer))))
    const { note } = computation
    return { lengths: values.map(({ length }) => length), ...(note === undefined ? {} : { note }) }
  }

  async function repeat(times: number): Promise<Repeated> {
    if (!computation) throw new Error('nothing is prepared')
    await engine.tidy?.()
    const start = performance.now()
    for (let i = 0; i < times; i++) {
      const made = await computation.run()
      const least = made.reduce((a, b) => (engine.sizeOf(b) < engine.sizeOf(a) ? b : a))
      if (engine.sizeOf(least) <= SMALL) await engine.read(least)
      else await engine.wait?.(least)
      engine.free(made)
    }
    return { ms: performance.now() - start }
  }
}

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`)

function readInput({ path, shape, dtype }: InputFile): Input {
  const bytes = Uint8Array.from(readFileSync(path)).buffer
  const values = dtype === 'int' ? new Int32Array(bytes) : new Float32Array(bytes)
  return { shape, dtype, values: () => values }
}

async function lookAtMemory(): Promise<MemoryInUse> {
  const { rss, heapUsed } = await sampleMemory(0)
  return { resident: rss, heap: heapUsed }
}
