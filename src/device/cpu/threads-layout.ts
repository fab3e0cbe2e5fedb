/** Bytes of a cache line: what different threads write lies that far apart. */
export const LINE = 64

/**
 * 32-bit words at the beginning of the control region. `post` counts jobs, alone with what is written as rarely; the job
 * follows on a line of its own.
 */
export const WORD = {
  post: 0,
  /** 1 while the main thread sleeps until a share is done. */
  waiting: 1,
  task: 16,
  /** For `run`: the routine's number and its arguments' address. Thread t's scratch lies at `scratch + t * stride`. */
  routine: 17,
  args: 18,
  scratch: 19,
  stride: 20,
  /** For `load`: where a module's bytes lie, how many, and the number of its first routine. */
  at: 21,
  bytes: 22,
  first: 23,
  /** For `run`: thread t's share goes from the t-th of these units to the next. */
  starts: 24,
  /** The first worker's line; the others' follow. */
  workers: 96,
} as const

/** Words of a worker's line. */
export const WORKER = {
  /** The last job whose share was taken, by the worker or by the main thread in its place. */
  claimed: 0,
  /** The last job whose share is done; -1 while the worker starts. */
  done: 1,
  sleeping: 2,
  /** Bytes of the message in the worker's room, where a job failed; else 0. */
  failed: 3,
} as const

export const TASK = { run: 0, load: 1 } as const

export const MOST_THREADS = 64

/** Rooms for messages of failure, one a worker, behind all lines. */
const MESSAGES = 4 * WORD.workers + LINE * MOST_THREADS
export const MESSAGE_BYTES = 256

/** The index of a worker's first word; workers count from 1, the main thread being 0. */
export const lineOf = (worker: number): number => WORD.workers + (worker - 1) * (LINE / 4)

/** Where a worker's message lies, in bytes from the beginning of the control region. */
export const messageOf = (worker: number): number => MESSAGES + (worker - 1) * MESSAGE_BYTES

export const CONTROL_BYTES = MESSAGES + MOST_THREADS * MESSAGE_BYTES
