import { loopsOf } from '../../device/as-fused.ts'
import { readsPlace } from '../../device/coordinates.ts'
import type { BatchKernel, FusedKernel } from '../../device/kernel.ts'
import { sizeOf } from '../../shape.ts'
import { contiguous, isContiguous } from '../../view.ts'
import type { Operand, Slots } from './lower.ts'

type Member = Slots & { readonly kernel: FusedKernel }

/** Most arrays that one kernel reads and makes. */
const MOST_ARRAYS = 1024

/**
 * Joins steps that do the same elementwise maths with the same numbers on different arrays, and whose results are all
 * outputs that no step reads: an optimiser's update becomes one kernel for all parameters, whatever their shapes.
 */
export function batched(steps: readonly Slots[], outputs: readonly number[]): Slots[] {
  const kept = new Set(outputs)
  const read = new Set(steps.flatMap(({ inputs }) => inputs.flatMap((o) => ('slot' in o ? [o.slot] : []))))
  const groups = new Map<string, Member[]>()
  for (const step of steps) {
    const member = step.outs.every((slot) => kept.has(slot) && !read.has(slot)) ? memberOf(step) : null
    if (!member) continue
    const key = keyOf(member)
    const group = groups.get(key) ?? []
    if ((group.length + 1) * arraysOf(member) <= MOST_ARRAYS) groups.set(key, [...group, member])
  }
  const batches = [...groups.values()].filter(({ length }) => length > 1)
  const joined = new Set(batches.flat().map(({ outs }) => outs[0]))
  return [...steps.filter(({ outs }) => !joined.has(outs[0])), ...batches.map(batchOf)]
}

/** The step as maths over one dim; null where it is more than that. */
function memberOf({ kernel, inputs, outs }: Slots): Member | null {
  const flat = loopsOf(kernel)
  if (!flat) return null
  const size = sizeOf(flat.out)
  const plain =
    size > 0 &&
    flat.values.every((value) => value.kind === 'map' && !readsPlace(value.expr)) &&
    flat.stores.every(({ level }) => level === 'element') &&
    flat.inputs.every((view) => view === null || (isContiguous(view) && sizeOf(view.shape) === size))
  if (!plain) return null
  const views = flat.inputs.map((view) => view && contiguous([size]))
  const placed = inputs.map((o): Operand => ('slot' in o ? { ...o, view: contiguous([size]) } : o))
  return { kernel: { ...flat, out: [size], dims: [], inputs: views }, inputs: placed, outs }
}

/** Equal for steps that may be joined. */
const keyOf = ({ kernel: { values, stores }, inputs }: Member): string =>
  JSON.stringify([values, stores, inputs.map((o) => ('slot' in o ? null : o.number))])

const arraysOf = ({ inputs, outs }: Member): number => inputs.filter((o) => 'slot' in o).length + outs.length

function batchOf(members: readonly Member[]): Slots {
  const each = members[0]!.kernel
  const arrays = members.flatMap(({ inputs }) => inputs.filter((o) => 'slot' in o))
  const numbers = members[0]!.inputs.filter((o) => !('slot' in o))
  const sizes = members.map(({ kernel }) => kernel.out[0]!)
  const kernel: BatchKernel = {
    kind: 'batch',
    out: [sizes.reduce((sum, n) => sum + n, 0)],
    inputs: [...arrays.map((o) => o.view), ...numbers.map(() => null)],
    each,
    sizes,
  }
  return { kernel, inputs: [...arrays, ...numbers], outs: members.flatMap(({ outs }) => outs) }
}
