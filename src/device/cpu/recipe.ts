import type { Routine } from './wasm/func.ts'

/**
 * How a kernel runs: stages one after the other. Every stage's routine gets the same arguments: pointers to the inputs
 * that are buffers, to the outputs, to the workspace (where there is one), then the inputs that are numbers.
 */
export interface Recipe {
  /** Bytes of memory, shared by all threads, that lives from the first stage to the last; 0 for none. */
  readonly workspace: number
  readonly stages: readonly Stage[]
  /** Whether an output may lie over an input that is read place by place: no place is read again once it is written. */
  readonly inPlace?: boolean
}

export interface Stage {
  readonly routine: Routine
  /** Parts that any thread may take: the routine is called with ranges [lo, hi) within [0, units). */
  readonly units: number
  /** What a unit takes, in nanoseconds, roughly: little work stays on one thread. */
  readonly cost: number
  /**
   * How many elements of the (single) output a unit completes, units in order: then elementwise maths can follow each
   * unit while it lies in the cache. Absent where that cannot be said.
   */
  readonly completes?: number
}

export interface RecipeOptions {
  /** Threads that share a stage. What is summed per part is split into this many parts, so that sums repeat bit for bit. */
  readonly threads: number
}
