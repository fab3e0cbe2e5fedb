import type { TaskName } from '../definition.ts'

// What the driver and a participant's process say to each other: one JSON object a line, on stdin and stdout.

/** Where an input's numbers are: a file of nothing but float32 or int32. */
export interface InputFile {
  readonly path: string
  readonly shape: readonly number[]
  readonly dtype: 'float' | 'int'
}

/** Makes the inputs, computes `runs` times and writes the last results to `output`, float32, one after the other. */
export interface Prepare {
  readonly do: 'prepare'
  readonly task: TaskName
  readonly params: Readonly<Record<string, number>>
  readonly inputs: Readonly<Record<string, InputFile>>
  readonly runs: number
  readonly output: string
}

/** Computes `times` times, and each time reads the smallest result back if it is small: a loss, a gradient. */
export interface Repeat {
  readonly do: 'run'
  readonly times: number
}

/** Collects garbage where that can be asked for, and looks. */
export interface LookAtMemory {
  readonly do: 'memory'
}

export type Request = Prepare | Repeat | LookAtMemory

/** The first line of a process, before any request: its version and what it computes on. */
export interface Ready {
  readonly ready: string
}

/** The results' lengths; a remark for the table, such as a way that had to be left. */
export interface Prepared {
  readonly lengths: readonly number[]
  readonly note?: string
}

/** Milliseconds of all runs together. */
export interface Repeated {
  readonly ms: number
}

/** Bytes resident; bytes of the JavaScript heap, where there is one. */
export interface MemoryInUse {
  readonly resident: number
  readonly heap?: number
}

export interface Failed {
  readonly error: string
}

export type Reply<R extends Request> =
  | Failed
  | (R extends Prepare ? Prepared : R extends Repeat ? Repeated : MemoryInUse)
