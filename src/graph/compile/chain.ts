import { loopsOf } from '../../device/as-fused.ts'
import type { ChainKernel, FusedKernel } from '../../device/kernel.ts'
import { sizeOf } from '../../shape.ts'
import { isContiguous } from '../../view.ts'
import type { Slots } from './lower.ts'

type Loops = Slots & { readonly kernel: FusedKernel }

/** Puts loops right behind the product or convolution whose result they read place by place. */
export function chained(steps: readonly Slots[], outputs: readonly number[]): Slots[] {
  const maker = new Map<number, number>()
  const users = new Map<number, number[]>()
  steps.forEach(({ inputs, outs }, i) => {
    for (const slot of outs) maker.set(slot, i)
    for (const o of inputs) if ('slot' in o) users.set(o.slot, [...(users.get(o.slot) ?? []), i])
  })
  const result: (Slots | null)[] = [...steps]
  steps.forEach((step, i) => {
    const loops = loopsOf(step.kernel)
    if (!loops) return
    const after = { ...step, kernel: loops }
    for (let link = 0; link < after.inputs.length; link++) {
      const o = after.inputs[link]!
      const j = 'slot' in o ? maker.get(o.slot) : undefined
      const first = j === undefined ? null : result[j]
      if (!('slot' in o) || !first || !follows(first, after, link)) continue
      // Whoever else reads the result must come later.
      const others = users.get(o.slot)!.filter((user) => user !== i)
      if (others.some((user) => user < i)) continue
      result[j!] = null
      result[i] = linked(first, after, link, others.length > 0 || outputs.includes(o.slot))
      return
    }
  })
  return result.filter((step) => step !== null)
}

/** Whether the loops read the result of `first` place by place, each row within a part of it. */
function follows(first: Slots, { kernel, inputs }: Loops, link: number): boolean {
  const { kind, out } = first.kernel
  if (kind !== 'matmul' && !(kind === 'conv2d' && first.kernel.pass !== 'weightGrad')) return false
  const view = kernel.inputs[link]!
  const [slot] = first.outs
  const twice = inputs.some((o, i) => i !== link && 'slot' in o && o.slot === slot)
  const outer = kernel.out.findIndex((n) => n > 1)
  return (
    !twice &&
    sizeOf(kernel.out) === sizeOf(out) &&
    isContiguous(view) &&
    !kernel.dims.includes(outer) &&
    kernel.values.every((value) => value.kind === 'map' || value.to === 'row')
  )
}

function linked(first: Slots, after: Loops, link: number, keeps: boolean): Slots {
  const rest = after.inputs.filter((_, i) => i !== link)
  const kernel: ChainKernel = {
    kind: 'chain',
    out: after.kernel.out,
    inputs: [...first.kernel.inputs, ...after.kernel.inputs.filter((_, i) => i !== link)],
    first: first.kernel as ChainKernel['first'],
    after: after.kernel,
    link,
    keeps,
  }
  return {
    kernel,
    inputs: [...first.inputs, ...rest],
    outs: [...(keeps ? first.outs : []), ...after.outs],
  }
}
