import { readsPlace } from '../../device/coordinates.ts'
import type { Kernel } from '../../device/kernel.ts'
import { type Shape, sizeOf } from '../../shape.ts'
import type { AnyTensor } from '../../tensor.ts'
import { contiguous, expandView, isContiguous, type View } from '../../view.ts'
import type { Walk } from './walk.ts'

/** Where a tensor's values are: one of the plan's numbers at every place, or a view of a slot. */
export type Operand = { readonly number: number } | Buffered
type Buffered = { readonly slot: number; readonly view: View }

/** A kernel bound to slots. */
export interface Slots {
  readonly kernel: Kernel
  /** In the order of the kernel's inputs. */
  readonly inputs: readonly Operand[]
  readonly outs: readonly number[]
}

/** A number that kernels take: a leaf's, or a formula over earlier numbers `a`, `b`, ... */
export type NumberSource =
  | { readonly leaf: number }
  | { readonly expr: string; readonly args: readonly number[] }

export interface Lowered {
  readonly numbers: readonly NumberSource[]
  readonly steps: readonly Slots[]
  readonly outputs: readonly number[]
}

/**
 * The graph as kernels, one per operation that computes. Movement operations only change views; equal kernels on equal
 * slots are computed once; what is one number at every place is worked out on the host.
 */
export function lower(roots: readonly AnyTensor[], { order, leaves }: Walk): Lowered {
  const lowering = new Lowering(leaves)
  for (const node of order) lowering.add(node)
  const outputs = roots.map((root) => lowering.output(root))
  return {
    numbers: lowering.numbers,
    steps: reached(lowering.steps, outputs),
    outputs,
  }
}

class Lowering {
  readonly numbers: NumberSource[] = []
  readonly steps: Slots[] = []
  readonly #operands = new Map<AnyTensor, Operand>()
  readonly #same = new Map<string, Operand>()
  readonly #leafCount: number

  constructor(leaves: readonly AnyTensor[]) {
    this.#leafCount = leaves.length
    leaves.forEach((leaf, slot) => {
      const operand = leaf.constant ? this.#number({ leaf: slot }) : { slot, view: contiguous(leaf.shape) }
      this.#operands.set(leaf, operand)
    })
  }

  add(node: AnyTensor): void {
    if (!this.#operands.has(node)) this.#operands.set(node, this.#lowered(node))
  }

  /** The slot that holds the root and nothing else. */
  output(root: AnyTensor): number {
    const o = this.#operands.get(root)!
    // A leaf's own buffer must not be handed on under a second owner's name either.
    const made = 'slot' in o && this.steps[o.slot - this.#leafCount]
    // The first elements of a larger buffer lie in order too, but are not the buffer.
    const whole = made && isContiguous(o.view) && sizeOf(made.kernel.out) === root.size
    return (whole ? (o as Buffered) : this.#copied(o, root.shape)).slot
  }

  #lowered(node: AnyTensor): Operand {
    const inputs = node.inputs.map((input) => this.#operands.get(input)!)
    const { forward } = node.op!
    if ('view' in forward) {
      const [x] = inputs as [Operand]
      const from = node.inputs[0]!.shape
      if ('number' in x) {
        const moved = forward.view(everywhere(from), node.params, node.shape)
        // Padding has zeros where the number does not reach.
        if (moved && moved.mask === null) return x
      }
      const source = 'slot' in x ? x : this.#copied(x, from)
      const direct = forward.view(source.view, node.params, node.shape)
      if (direct) return { slot: source.slot, view: direct }
      const copied = this.#copied(source, source.view.shape)
      return { slot: copied.slot, view: forward.view(copied.view, node.params, node.shape)! }
    }
    if ('expr' in forward) {
      const { expr } = forward
      if (inputs.every((o) => 'number' in o) && !readsPlace(expr))
        return this.#number({ expr, args: inputs.map((o) => (o as { number: number }).number) })
      // An operand of one element may stand beside larger ones.
      const spread = inputs.map((o) => ('view' in o ? { ...o, view: expandView(o.view, node.shape) } : o))
      const views = spread.map((o) => ('view' in o ? o.view : null))
      return this.#emit({ kind: 'map', expr, out: node.shape, inputs: views }, spread)
    }
    const buffers = inputs.map((o, i) => ('slot' in o ? o : this.#uniform(o, node.inputs[i]!.shape)))
    const kernel = forward.kernel(
      buffers.map((o) => o.view),
      node.shape,
      node.params,
    )
    const [x] = inputs
    if (kernel.kind === 'reduce' && x && 'number' in x) {
      const count = sizeOf(kernel.dims.map((d) => node.inputs[0]!.shape[d]!))
      if (kernel.op === 'sum') return this.#number({ expr: `a * ${count}.0`, args: [x.number] })
      if (kernel.op === 'max' || kernel.op === 'min') return x
    }
    return this.#emit(kernel, buffers)
  }

  #number(source: NumberSource): Operand {
    return this.#once(JSON.stringify(source), () => ({ number: this.numbers.push(source) - 1 }))
  }

  /** One number everywhere, for a kernel that reads a buffer: a single element under a view without steps. */
  #uniform(o: Operand, shape: Shape): Buffered {
    return { slot: this.#copied(o, []).slot, view: everywhere(shape) }
  }

  #copied(o: Operand, shape: Shape): Buffered {
    const inputs = ['view' in o ? o.view : null]
    return this.#emit({ kind: 'map', expr: 'a', out: shape, inputs }, [o])
  }

  #emit(kernel: Kernel, inputs: readonly Operand[]): Buffered {
    const from = inputs.map((o) => ('slot' in o ? `s${o.slot}` : `n${o.number}`))
    const key = `${JSON.stringify(kernel)} ${from.join(' ')}`
    return this.#once(key, () => {
      const out = this.#leafCount + this.steps.length
      this.steps.push({ kernel, inputs, outs: [out] })
      return { slot: out, view: contiguous(kernel.out) }
    }) as Buffered
  }

  #once(key: string, make: () => Operand): Operand {
    const known = this.#same.get(key) ?? make()
    this.#same.set(key, known)
    return known
  }
}

const everywhere = (shape: Shape): View => ({
  shape,
  strides: shape.map(() => 0),
  offset: 0,
  mask: null,
})

/** The steps that lead to an output. */
export function reached(steps: readonly Slots[], outputs: readonly number[]): Slots[] {
  const needed = new Set(outputs)
  const kept = [...steps].reverse().filter(({ outs, inputs }) => {
    if (!outs.some((slot) => needed.has(slot))) return false
    for (const o of inputs) if ('slot' in o) needed.add(o.slot)
    return true
  })
  return kept.reverse()
}
