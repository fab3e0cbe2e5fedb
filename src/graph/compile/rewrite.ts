import type {
  ConcatKernel,
  GatherKernel,
  Kernel,
  MapKernel,
  PoolKernel,
  ScatterKernel,
} from '../../device/kernel.ts'
import { type Shape, sameShape, sizeOf } from '../../shape.ts'
import { contiguous, expandView, permuteView, type View } from '../../view.ts'
import { type Operand, reached, type Slots } from './lower.ts'

/**
 * Steps in forms that join better, for devices that take several outputs: looking up or adding one element per line
 * becomes elementwise maths, and a maximum's place and value come from one pass.
 */
export function rewritten(steps: readonly Slots[], outputs: readonly number[]): Slots[] {
  let next = 1 + Math.max(-1, ...steps.flatMap(({ outs }) => outs))
  const newSlot = () => next++
  const makers = new Map(steps.flatMap((step) => step.outs.map((slot) => [slot, step] as const)))
  const elementwise = steps.flatMap((step) => {
    const { kernel } = step
    if (kernel.kind === 'gather' && onePerLine(kernel)) return lookedUp(step, kernel, newSlot())
    if (kernel.kind === 'scatter' && onePerLine(kernel)) return [added(step, kernel, makers)]
    if (kernel.kind === 'concat' && isPair(kernel)) return [paired(step, kernel)]
    return [step]
  })
  return reached(turned(withMaxima(elementwise), outputs), outputs)
}

/** Longest line in which looking at every element is as cheap as a kernel of its own. */
const LONGEST = 4096

function onePerLine({ inputs, dim }: GatherKernel | ScatterKernel): boolean {
  const [x, index] = inputs as [View, View]
  const line = x.shape[dim]!
  return line <= LONGEST && line > 0 && sameShape(index.shape, withDim(x.shape, dim, 1))
}

const withDim = (shape: Shape, dim: number, n: number): Shape => shape.map((old, d) => (d === dim ? n : old))

/** The sum over the line of what stands at the index, and 0 elsewhere. */
function lookedUp({ inputs, outs }: Slots, { inputs: views, dim, out }: GatherKernel, slot: number): Slots[] {
  const [x, index] = views as [View, View]
  const shape = x.shape
  const chosen: MapKernel = {
    kind: 'map',
    expr: `b == i${dim} ? a : 0.0`,
    out: shape,
    inputs: [x, expandView(index, shape)],
  }
  const whole: Kernel = { kind: 'reduce', op: 'sum', inputs: [contiguous(shape)], out, dims: [dim] }
  return [
    { kernel: chosen, inputs: reviewed(inputs, chosen), outs: [slot] },
    { kernel: whole, inputs: [{ slot, view: contiguous(shape) }], outs },
  ]
}

function added(
  { inputs, outs }: Slots,
  { inputs: views, dim, mode, out }: ScatterKernel,
  makers: ReadonlyMap<number, Slots>,
): Slots {
  const [x, index, src] = views as [View, View, View]
  const expr = mode === 'add' ? `a + (b == i${dim} ? c : 0.0)` : `b == i${dim} ? c : a`
  const [base, at, put] = inputs as [Operand, Operand, Operand]
  const [from, to] = [numberIn(base, makers), numberIn(put, makers)]
  const kernel: MapKernel = {
    kind: 'map',
    expr,
    out,
    inputs: [from ? null : x, expandView(index, out), to ? null : expandView(src, out)],
  }
  return { kernel, inputs: reviewed([from ?? base, at, to ?? put], kernel), outs }
}

/** Two columns beside each other: one comparison per element tells which it is. */
const isPair = ({ inputs, dim, out }: ConcatKernel): boolean => inputs.length === 2 && out[dim] === 2

function paired({ inputs, outs }: Slots, { inputs: views, dim, out }: ConcatKernel): Slots {
  const kernel: MapKernel = {
    kind: 'map',
    expr: `i${dim} < 0.5 ? a : b`,
    out,
    inputs: views.map((view) => expandView(view!, out)),
  }
  return { kernel, inputs: reviewed(inputs, kernel), outs }
}

/** The number of which the operand is a copy, if it is one. */
function numberIn(o: Operand, makers: ReadonlyMap<number, Slots>): Operand | null {
  const maker = 'slot' in o ? makers.get(o.slot) : undefined
  const copied = maker?.kernel.kind === 'map' && maker.kernel.expr === 'a' ? maker.inputs[0]! : null
  return copied && 'number' in copied ? copied : null
}

const reviewed = (inputs: readonly Operand[], { inputs: views }: Kernel): Operand[] =>
  inputs.map((o, i) => ('slot' in o ? { slot: o.slot, view: views[i]! } : o))

/** Joins the place of each window's maximum with the taking of what stands there. */
function withMaxima(steps: readonly Slots[]): Slots[] {
  const places = new Map<number, Slots>()
  const values = new Map<Slots, Slots>()
  for (const step of steps) {
    const { kernel, inputs, outs } = step
    if (kernel.kind !== 'pool') continue
    if (kernel.pass === 'maxIndex') places.set(outs[0]!, step)
    const [x, index] = inputs
    if (kernel.pass !== 'take' || !index || !('slot' in index)) continue
    const finder = places.get(index.slot)
    const same = finder && JSON.stringify(finder.inputs[0]) === JSON.stringify(x)
    if (same && !values.has(finder) && sizeOf(kernel.out) > 0) values.set(finder, step)
  }
  const taken = new Set(values.values())
  return steps.flatMap((step) => {
    const taker = values.get(step)
    if (taken.has(step)) return []
    if (!taker) return [step]
    const kernel: PoolKernel = { ...(step.kernel as PoolKernel), pass: 'max' }
    return [{ kernel, inputs: step.inputs, outs: [taker.outs[0]!, step.outs[0]!] }]
  })
}

/** A product that all its users read turned over is computed that way: (A B)' = B' A'. */
function turned(steps: readonly Slots[], outputs: readonly number[]): Slots[] {
  const kept = new Set(outputs)
  const readings = new Map<number, View[]>()
  for (const { kernel, inputs } of steps)
    inputs.forEach((o, i) => {
      if ('slot' in o) readings.set(o.slot, [...(readings.get(o.slot) ?? []), kernel.inputs[i]!])
    })
  const turns = new Map<number, Shape>()
  for (const { kernel, outs } of steps) {
    const [slot] = outs as [number]
    if (kernel.kind !== 'matmul' || kept.has(slot) || sizeOf(kernel.out) === 0) continue
    const shape = swapped(kernel.out)
    const view = JSON.stringify(turnedView(contiguous(kernel.out)))
    if (readings.get(slot)?.every((read) => JSON.stringify(read) === view)) turns.set(slot, shape)
  }
  return steps.map((step) => {
    const inputs = step.inputs.map((o) => {
      const shape = 'slot' in o ? turns.get(o.slot) : undefined
      return shape ? { ...o, view: contiguous(shape) } : o
    })
    const views = step.kernel.inputs.map((view, i) => {
      const o = inputs[i]!
      return 'slot' in o && turns.has(o.slot) ? o.view : view
    }) as never
    const kernel = { ...step.kernel, inputs: views } as Kernel
    const shape = turns.get(step.outs[0]!)
    if (!shape) return { ...step, kernel, inputs }
    const [a, b] = [kernel.inputs[0]!, kernel.inputs[1]!].map(turnedView) as [View, View]
    const [left, right] = inputs.map((o, i) => ('slot' in o ? { ...o, view: [a, b][i]! } : o))
    return {
      outs: step.outs,
      inputs: [right!, left!],
      kernel: { kind: 'matmul', out: shape, inputs: [b, a] },
    }
  })
}

const swapped = (shape: Shape): Shape => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!]

const turnedView = (view: View): View =>
  permuteView(view, [...view.shape.keys()].slice(0, -2).concat(view.shape.length - 1, view.shape.length - 2))
