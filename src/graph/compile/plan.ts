import type { Fusion } from '../../device/device.ts'
import type { Kernel } from '../../device/kernel.ts'
import type { AnyTensor } from '../../tensor.ts'
import { batched } from './batch.ts'
import { chained } from './chain.ts'
import { fuse } from './fuse.ts'
import { lower, type NumberSource, type Slots } from './lower.ts'
import { withQuotients } from './quotients.ts'
import { recomputed } from './recompute.ts'
import { rewritten } from './rewrite.ts'
import type { Walk } from './walk.ts'

/**
 * A realize, independent of the values in its leaves: which kernels run on which slots. Slots are numbered leaves
 * first, then what steps make.
 */
export interface Plan {
  /** Numbers that kernels take, each from a leaf or worked out on the host from earlier ones. */
  readonly numbers: readonly NumberSource[]
  readonly steps: readonly Step[]
  /** The slot of each root. */
  readonly outputs: readonly number[]
}

export interface Step {
  readonly kernel: Kernel
  /** Slots of the inputs that are buffers, in order. */
  readonly buffers: readonly number[]
  /** Of the inputs that are numbers, in order: which of the plan's. */
  readonly scalars: readonly number[]
  readonly outs: readonly number[]
  /** Slots whose last use this is. */
  readonly frees: readonly number[]
}

/** Plans the graph below `roots`; `fusion` says how far the device lets kernels be joined. */
export function plan(roots: readonly AnyTensor[], walked: Walk, fusion: Fusion | null): Plan {
  const { numbers, steps, outputs } = lower(roots, walked)
  return {
    numbers,
    outputs,
    steps: withFrees(joined(steps, outputs, fusion).map(bound), walked.leaves.length, outputs),
  }
}

function joined(
  steps: readonly Slots[],
  outputs: readonly number[],
  fusion: Fusion | null,
): readonly Slots[] {
  if (!fusion) return steps
  if (!fusion.rich) return fuse(steps, outputs, fusion)
  const joined = fuse(rewritten(steps, outputs), outputs, fusion).map(withQuotients)
  return batched(chained(recomputed(joined, outputs, fusion.recompute), outputs), outputs)
}

const bound = ({ kernel, inputs, outs }: Slots): Omit<Step, 'frees'> => ({
  kernel,
  buffers: inputs.flatMap((o) => ('slot' in o ? [o.slot] : [])),
  scalars: inputs.flatMap((o) => ('number' in o ? [o.number] : [])),
  outs,
})

/** Frees each slot that a step made right after its last use, unless it is an output. */
function withFrees(
  steps: readonly Omit<Step, 'frees'>[],
  leafCount: number,
  outputs: readonly number[],
): Step[] {
  const last = new Map<number, number>()
  steps.forEach((step, i) => {
    for (const slot of step.outs) last.set(slot, i)
    for (const slot of step.buffers) last.set(slot, i)
  })
  const kept = new Set(outputs)
  const frees = steps.map((): number[] => [])
  for (const [slot, i] of last) if (slot >= leafCount && !kept.has(slot)) frees[i]!.push(slot)
  return steps.map((step, i) => ({ ...step, frees: frees[i]! }))
}
