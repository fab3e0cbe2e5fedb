import type { Input } from './inputs.ts'
import type { Work } from './support.ts'
import { tasks } from './tasks.ts'

/** What there is to compute; every participant of `npm run bench:peers` and `bench:gpu` has its own way to write it. */
export type TaskName =
  | 'matmul'
  | 'conv'
  | 'convGradients'
  | 'chain'
  | 'kldiv'
  | 'dkd'
  | 'dist'
  | 'stepMnist'
  | 'stepCifar'
  | 'adds'
  | 'addsGradient'

/** A task at one size, as data: what to compute on which numbers. */
export interface Definition {
  readonly name: string
  readonly task: TaskName
  /** The numbers that the task takes besides its inputs: strides, temperatures, rates. */
  readonly params: Readonly<Record<string, number>>
  readonly inputs: Readonly<Record<string, Input>>
  /** Names of the results, in order. One that is named as an input is that input's new value. */
  readonly results: readonly string[]
  /** Multiplications and additions, where a rate in GFLOP/s says something. */
  readonly flops?: number
  /** How many runs the results are of, where a run goes on from the one before. Default 1. */
  readonly runs?: number
  /** Compared on as many threads as well. */
  readonly threads?: number
  /** The device whose results count as right, where `reference` would take minutes. Default `reference`. */
  readonly oracle?: 'cpu'
}

/** kdgrad's way to do what is defined, for the suites. */
export const workOf = (definition: Definition): Work => {
  const { name, task, params, inputs, flops } = definition
  return { name, definition, prepare: () => tasks[task](inputs, params), ...(flops ? { flops } : {}) }
}
