import { DeviceError } from '../../errors.ts'
import type { Code, Compiled } from './compiled.ts'
import type { Memory } from './memory.ts'
import { lineOf, MESSAGE_BYTES, messageOf, TASK, WORD, WORKER } from './threads-layout.ts'
import { type RunningWorker, startWorker } from './worker.ts'

/** A stage to share. */
export interface Job {
  readonly units: number
  /** What it takes one thread, in nanoseconds. */
  readonly cost: number
  /** The arguments' address. */
  readonly args: number
  /** Thread t's scratch begins at `scratch + t * stride`. */
  readonly scratch: number
  readonly stride: number
}

/** From how much work on a job is shared with workers that look for one, in nanoseconds. */
export const WORTH_SHARING = 8_000
/** Sleeping ones are woken for so much work, in one job or in several with hardly a pause between. */
const WORTH_WAKING = 200_000
/** The pause, in milliseconds, after which a worker would be asleep again. */
const PAUSE = 0.5
/** Looks at a worker's counter before this thread sleeps. */
const SPINS = 20_000
/** For how many times what sharing lost this thread goes on alone: doubled by every loss in a row, up to the most. */
const LEAST_PENANCE = 8
const MOST_PENANCE = 256
/** Nanoseconds of work after which this thread tries again in any case. */
const LONGEST_PENANCE = 1e9
/** Milliseconds that waking a worker may lose: it pays with the jobs that follow. */
const WAKING = 0.5
/** Milliseconds that workers have to wake up in before this thread begins. */
const WAKE_UP = 0.2
/** A sleep while waiting, in milliseconds. */
const NAP = 100

/**
 * Workers that share stages with this thread over one memory. Every thread has a fixed share, so that data stays in its
 * core's cache; a share that no worker has taken by the time this thread is done with its own, it takes itself: nothing
 * waits for a worker that sleeps, starts, or has lost its core.
 */
export class Threads {
  readonly count: number
  readonly #memory: Memory
  readonly #words: Int32Array<ArrayBufferLike>
  readonly #workers: readonly RunningWorker[]
  readonly #loaded = new Set<Code>()
  readonly #maySleep: boolean
  readonly #patience: number
  /** The block with the code that workers load now. */
  #loading: { readonly at: number; readonly bytes: number } | null = null
  #post = 0
  #died = ''
  #lost = false
  /** Nanoseconds of work to do alone first, as sharing lost time: on a busy machine a worker with a share may not run. */
  #owed = 0
  #penance = LEAST_PENANCE
  /** Nanoseconds of work without a pause that sleeping workers have missed, and when it ends. */
  #missed = 0
  #missedUntil = 0

  /**
   * Starts `count - 1` workers, which takes them some 50 ms; until then, this thread works alone. A worker later than
   * this thread by `patience` milliseconds counts as lost.
   */
  constructor(memory: Memory, count: number, patience = 60_000) {
    this.count = count
    this.#patience = patience
    this.#memory = memory
    const { at, bytes } = memory.control
    this.#words = new Int32Array(memory.memory.buffer, at, bytes / 4)
    this.#words.fill(0)
    this.#maySleep = maySleep(this.#words)
    this.#workers = Array.from({ length: count - 1 }, (_, i) => {
      const index = i + 1
      const line = lineOf(index)
      this.#words[line + WORKER.done] = -1
      const message = at + messageOf(index)
      return startWorker({ memory: memory.memory, control: at, message, index, line }, (reason) => {
        this.#died ||= reason
      })
    })
  }

  /** Whether a worker is gone: then nothing is shared any more. */
  get broken(): boolean {
    return this.#lost || this.#died !== ''
  }

  /**
   * Shares a job of at least `WORTH_SHARING` and returns when it is done; false, with nothing done, where this thread had better do it alone.
   *
   * @throws DeviceError where a worker failed or is lost.
   */
  share(compiled: Compiled, { units, cost, args, scratch, stride }: Job): boolean {
    const { call, number, code } = compiled
    if (!this.#ready(code)) return false
    const asleep = this.#anyAsleep()
    if (asleep && !this.#worthWaking(cost)) return false
    if (this.#owed > 0) {
      this.#owed -= cost
      return false
    }
    const { count } = this
    const words = this.#words
    this.#missed = 0
    words[WORD.task] = TASK.run
    words[WORD.routine] = number
    words[WORD.args] = args
    words[WORD.scratch] = scratch
    words[WORD.stride] = stride
    // Rounded up: this thread, which begins at once, always has a share.
    for (let t = 0; t <= count; t++) words[WORD.starts + t] = Math.ceil((t * units) / count)
    const before = this.#post
    const started = performance.now()
    this.#announce(asleep)
    if (asleep) this.#letThemWake()
    const begun = performance.now()
    const own = words[WORD.starts + 1]!
    let ended = begun
    const helpers = count - 1
    try {
      call(args, 0, own, scratch)
      ended = performance.now()
      for (let t = 1; t < count; t++)
        if (this.#take(t, before)) call(args, words[WORD.starts + t]!, words[WORD.starts + t + 1]!, scratch)
    } finally {
      // Where a share failed: what nobody has begun, nobody shall.
      for (let t = 1; t < count; t++) this.#take(t, before)
      this.#wait()
    }
    this.#checkFailures()
    compiled.measure(begun, ended, own)
    const alone = ((ended - begun) / own) * units
    const lost = performance.now() - started - alone
    this.#judge(asleep && helpers > 0 ? lost - WAKING : lost)
    return true
  }

  /** Learns what sharing a job lost against doing it alone, in milliseconds. */
  #judge(lost: number): void {
    if (lost <= 0) this.#penance = Math.max(LEAST_PENANCE, this.#penance / 2)
    else {
      this.#owed = Math.min(LONGEST_PENANCE, 1e6 * lost * this.#penance)
      this.#penance = Math.min(MOST_PENANCE, 2 * this.#penance)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  /** Whether all workers are there and have loaded this code; sees to it that they will. */
  #ready(code: Code): boolean {
    this.#checkFailures()
    if (!this.#idle()) return false
    if (this.#loading) {
      this.#memory.free(this.#loading.at, this.#loading.bytes)
      this.#loading = null
    }
    if (this.#loaded.has(code)) return true
    this.#loaded.add(code)
    const { bytes, first } = code
    const at = this.#memory.allocate(bytes.length)
    this.#memory.u8.set(bytes, at)
    this.#loading = { at, bytes: bytes.length }
    const words = this.#words
    words[WORD.task] = TASK.load
    words[WORD.at] = at
    words[WORD.bytes] = bytes.length
    words[WORD.first] = first
    this.#announce(this.#anyAsleep())
    return false
  }

  /** Makes the job that the words describe the next. */
  #announce(asleep: boolean): void {
    this.#post = (this.#post + 1) | 0
    Atomics.store(this.#words, WORD.post, this.#post)
    // Waking costs this thread some 20 µs.
    if (asleep) Atomics.notify(this.#words, WORD.post)
  }

  /**
   * Sleeps until the workers are awake, but not for long. Systems put a thread that wakes on the core of the thread that
   * woke it, where it would wait while this one works; as this one sleeps it runs there, and this one goes on elsewhere.
   */
  #letThemWake(): void {
    if (!this.#maySleep) return
    const end = performance.now() + WAKE_UP
    for (let t = 1; t < this.count; t++) {
      const left = end - performance.now()
      if (left > 0) Atomics.wait(this.#words, lineOf(t) + WORKER.sleeping, 1, left)
    }
  }

  #anyAsleep(): boolean {
    for (let t = 1; t < this.count; t++)
      if (Atomics.load(this.#words, lineOf(t) + WORKER.sleeping) === 1) return true
    return false
  }

  #idle(): boolean {
    for (let t = 1; t < this.count; t++)
      if (Atomics.load(this.#words, lineOf(t) + WORKER.done) !== this.#post) return false
    return true
  }

  #worthWaking(cost: number): boolean {
    const now = performance.now()
    if (now > this.#missedUntil + PAUSE) this.#missed = 0
    this.#missed += cost
    this.#missedUntil = now + cost / 1e6
    return this.#missed >= WORTH_WAKING
  }

  /** Takes a worker's share of the latest job, where the worker has not. */
  #take(worker: number, before: number): boolean {
    const line = lineOf(worker)
    const seen = Atomics.compareExchange(this.#words, line + WORKER.claimed, before, this.#post)
    if (seen !== before) return false
    this.#words[line + WORKER.done] = this.#post
    return true
  }

  /** Waits until all shares are done. */
  #wait(): void {
    const words = this.#words
    for (let t = 1; t < this.count; t++) {
      const done = lineOf(t) + WORKER.done
      let spins = 0
      let waited = 0
      for (let seen = Atomics.load(words, done); seen !== this.#post; seen = Atomics.load(words, done)) {
        if (++spins < SPINS) continue
        if (this.#nap(done, seen)) waited += NAP
        this.#lost = waited >= this.#patience
        if (this.#lost)
          throw new DeviceError(
            `cpu: a worker thread has not come to an end for ${waited / 1000} s. Set threads to 1, and report it.`,
          )
      }
    }
  }

  /** Sleeps until the word changes; true where it has not after `NAP`. */
  #nap(word: number, seen: number): boolean {
    const words = this.#words
    if (this.#maySleep) {
      Atomics.store(words, WORD.waiting, 1)
      const result = Atomics.wait(words, word, seen, NAP)
      Atomics.store(words, WORD.waiting, 0)
      return result === 'timed-out'
    }
    const end = performance.now() + NAP
    while (Atomics.load(words, word) === seen) if (performance.now() > end) return true
    return false
  }

  #checkFailures(): void {
    if (this.#died)
      throw new DeviceError(
        `cpu: a worker thread died, because ${this.#died}. Run again, or set threads to 1.`,
      )
    for (let t = 1; t < this.count; t++) {
      const failed = lineOf(t) + WORKER.failed
      const bytes = this.#words[failed]!
      if (bytes === 0) continue
      this.#words[failed] = 0
      const at = this.#memory.control.at + messageOf(t)
      // A copy: decoders refuse shared memory.
      const message = new TextDecoder().decode(this.#memory.u8.slice(at, at + Math.min(bytes, MESSAGE_BYTES)))
      throw new DeviceError(`cpu: a routine failed on a worker thread, got ${message}. Report it.`)
    }
  }
}

/** Whether this thread may sleep in `Atomics.wait`: a browser's main thread may not. */
function maySleep(words: Int32Array<ArrayBufferLike>): boolean {
  try {
    Atomics.wait(words, WORD.post, -1, 0)
    return true
  } catch {
    return false
  }
}
