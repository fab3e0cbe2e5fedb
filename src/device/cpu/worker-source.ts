import { MESSAGE_BYTES, TASK, WORD, WORKER } from './threads-layout.ts'
import { MATH } from './wasm/func.ts'

/** What a worker starts with. */
export interface WorkerData {
  readonly memory: WebAssembly.Memory
  /** Address of the control region, and of this worker's message in it. */
  readonly control: number
  readonly message: number
  readonly index: number
  /** The index of the first word of this worker's line. */
  readonly line: number
}

/**
 * Looks at the counter of jobs before it sleeps: about half a millisecond, more than lies between two stages or steps. To be
 * woken can take longer than a stage, most of all where the system packs threads onto few cores.
 */
const SPINS = 100_000

/**
 * A worker's program, for Node and browsers. A string, so that it needs no file beside the bundle and no bundler that
 * knows of workers. It never returns to its event loop: jobs, and modules with new routines, come through the shared
 * memory.
 */
export const WORKER_SOURCE = `'use strict'
const WORD = ${JSON.stringify(WORD)}
const WORKER = ${JSON.stringify(WORKER)}
const imports = { ${MATH.map((name) => `${name}: Math.${name}`).join(', ')} }

function serve({ memory, control, message, index, line }) {
  const words = new Int32Array(memory.buffer, control, line + 16)
  const CLAIMED = line + WORKER.claimed, DONE = line + WORKER.done
  const SLEEPING = line + WORKER.sleeping, FAILED = line + WORKER.failed
  const routines = []

  function next(last) {
    for (let spins = 0; spins < ${SPINS}; spins++) {
      const post = Atomics.load(words, WORD.post)
      if (post !== last) return post
    }
    Atomics.store(words, SLEEPING, 1)
    Atomics.wait(words, WORD.post, last)
    Atomics.store(words, SLEEPING, 0)
    Atomics.notify(words, SLEEPING)
    return Atomics.load(words, WORD.post)
  }

  function load() {
    const at = words[WORD.at] >>> 0, bytes = words[WORD.bytes]
    // Memory grown by another thread shows here a little later.
    while (memory.buffer.byteLength < at + bytes);
    const code = new Uint8Array(memory.buffer, at, bytes).slice()
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory }, math: imports })
    const first = words[WORD.first]
    for (const name in exports) routines[first + Number(name)] = exports[name]
  }

  function run() {
    const lo = words[WORD.starts + index], hi = words[WORD.starts + index + 1]
    if (lo === hi) return
    const scratch = words[WORD.scratch] + index * words[WORD.stride]
    routines[words[WORD.routine]](words[WORD.args], lo, hi, scratch)
  }

  function fail(error) {
    const text = new TextEncoder().encode(String(error && error.message || error)).subarray(0, ${MESSAGE_BYTES})
    new Uint8Array(memory.buffer, message, text.length).set(text)
    words[FAILED] = text.length
  }

  function finish(post) {
    Atomics.store(words, DONE, post)
    if (Atomics.load(words, WORD.waiting) === 1) Atomics.notify(words, DONE)
  }

  let last = Atomics.load(words, CLAIMED)
  finish(last)
  for (;;) {
    const post = next(last)
    // Spurious wake-ups; or the main thread, done with its own share, was quicker to take this one.
    const seen = Atomics.compareExchange(words, CLAIMED, last, post)
    if (seen !== last || post === last) {
      last = seen
      continue
    }
    last = post
    try {
      if (words[WORD.task] === ${TASK.load}) load()
      else run()
    } catch (error) {
      fail(error)
    }
    finish(post)
  }
}

if (typeof onmessage === 'undefined') serve(require('node:worker_threads').workerData)
else onmessage = ({ data }) => serve(data)
`
