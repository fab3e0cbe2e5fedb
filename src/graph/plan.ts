import type { Kernel } from '../device/kernel.ts'
import { sizeOf } from '../shape.ts'
import type { AnyTensor } from '../tensor.ts'
import { contiguous, isContiguous, type View } from '../view.ts'
import { topological } from './walk.ts'

/**
 * A realize, independent of the values in its leaves: which kernels run on which slots. Slots are numbered leaves
 * first, then one per step.
 */
export interface Plan {
  readonly steps: readonly Step[]
  /** The slot of each root. */
  readonly outputs: readonly number[]
}

export interface Step {
  readonly kernel: Kernel
  /** Slots of the inputs that are buffers, in order. */
  readonly buffers: readonly number[]
  /** Leaves of the inputs that are numbers, in order. */
  readonly scalars: readonly number[]
  readonly out: number
  /** Slots whose last use this is. */
  readonly frees: readonly number[]
}

/** The graph below `roots`, in the order in which it is planned. */
export interface Walk {
  readonly order: readonly AnyTensor[]
  readonly leaves: readonly AnyTensor[]
  /** Equal for graphs of equal structure: the cache key of the plan. */
  readonly key: string
}

const isLeaf = (node: AnyTensor) => node.op === null || node.storage !== null

export function walk(roots: readonly AnyTensor[]): Walk {
  const order = topological(roots, (node) => !isLeaf(node))
  const index = new Map<AnyTensor, number>()
  const leaves: AnyTensor[] = []
  let key = ''
  order.forEach((node, i) => {
    index.set(node, i)
    if (isLeaf(node)) {
      leaves.push(node)
      key += node.constant ? 'c;' : `${node.shape.join(',')};`
    } else {
      key += node.op!.name
      for (const input of node.inputs) key += ` ${index.get(input)}`
      key += ` ${JSON.stringify(node.params)}`
      key += ';'
    }
  })
  for (const root of roots) key += `>${index.get(root)}`
  return { order, leaves, key }
}

/** Where a node's values are: a number among the leaves, or a view of a slot. */
type Operand = { readonly scalar: number } | { readonly slot: number; readonly view: View }

export function plan(roots: readonly AnyTensor[], { order, leaves }: Walk): Plan {
  const steps: Omit<Step, 'frees'>[] = []
  const operands = new Map<AnyTensor, Operand>()
  leaves.forEach((leaf, slot) => {
    operands.set(leaf, leaf.constant ? { scalar: slot } : { slot, view: contiguous(leaf.shape) })
  })

  const emit = (kernel: Kernel, inputs: readonly Operand[]): Operand => {
    const out = leaves.length + steps.length
    steps.push({
      kernel,
      buffers: inputs.flatMap((o) => ('slot' in o ? [o.slot] : [])),
      scalars: inputs.flatMap((o) => ('scalar' in o ? [o.scalar] : [])),
      out,
    })
    return { slot: out, view: contiguous(kernel.out) }
  }
  const copy = (o: Operand, shape: readonly number[]) =>
    emit({ kind: 'map', expr: 'a', out: shape, inputs: ['view' in o ? o.view : null] }, [o])
  const buffer = (o: Operand) => ('slot' in o ? o : (copy(o, []) as Extract<Operand, { slot: number }>))

  for (const node of order) {
    if (operands.has(node)) continue
    const inputs = node.inputs.map((input) => operands.get(input)!)
    const { forward } = node.op!
    if ('view' in forward) {
      const source = buffer(inputs[0]!)
      operands.set(node, viewed(source, node, forward.view, copy))
    } else if ('expr' in forward) {
      const views = inputs.map((o) => ('view' in o ? o.view : null))
      operands.set(node, emit({ kind: 'map', expr: forward.expr, out: node.shape, inputs: views }, inputs))
    } else {
      const buffers = inputs.map(buffer)
      const views = buffers.map((o) => o.view)
      operands.set(node, emit(forward.kernel(views, node.shape, node.params), buffers))
    }
  }

  const outputs = roots.map((root) => {
    const o = operands.get(root)!
    // A leaf's own buffer must not be handed on under a second owner's name either.
    const made = 'slot' in o && steps[o.slot - leaves.length]
    // The first elements of a larger buffer lie in order too, but are not the buffer.
    const whole = made && isContiguous(o.view) && sizeOf(made.kernel.out) === root.size
    return ((whole ? o : copy(o, root.shape)) as Extract<Operand, { slot: number }>).slot
  })
  return { steps: withFrees(steps, leaves.length, outputs), outputs }
}

function viewed(
  source: Extract<Operand, { slot: number }>,
  node: AnyTensor,
  view: (view: View, params: AnyTensor['params'], out: readonly number[]) => View | null,
  copy: (o: Operand, shape: readonly number[]) => Operand,
): Operand {
  const direct = view(source.view, node.params, node.shape)
  if (direct) return { slot: source.slot, view: direct }
  const copied = copy(source, source.view.shape) as Extract<Operand, { slot: number }>
  return { slot: copied.slot, view: view(copied.view, node.params, node.shape)! }
}

/** Frees each slot that a step made right after its last use, unless it is an output. */
function withFrees(
  steps: readonly Omit<Step, 'frees'>[],
  leafCount: number,
  outputs: readonly number[],
): Step[] {
  const last = new Map<number, number>()
  steps.forEach((step, i) => {
    last.set(step.out, i)
    for (const slot of step.buffers) last.set(slot, i)
  })
  const frees = steps.map((): number[] => [])
  for (const [slot, i] of last) if (slot >= leafCount && !outputs.includes(slot)) frees[i]!.push(slot)
  return steps.map((step, i) => ({ ...step, frees: frees[i]! }))
}
