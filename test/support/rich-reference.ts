import type { Device, DeviceBuffer, Program } from '../../src/device/device.ts'
import type {
  BatchKernel,
  ChainKernel,
  FusedKernel,
  Kernel,
  Level,
  PoolKernel,
} from '../../src/device/kernel.ts'
import { openReference } from '../../src/device/reference.ts'
import { contiguous, expandView, sliceView, type View } from '../../src/view.ts'

/**
 * `reference` with everything joined that the planner can join: joined kernels are taken apart again, value by value, so
 * that what differs from `reference` is the planner's fault.
 */
export function openRichReference(inputs = 64): Device & { readonly kinds: Map<string, number> } {
  const device = openReference()
  const kinds = new Map<string, number>()
  const compile = (kernel: Kernel): Program => {
    if (kernel.kind === 'fused') return fused(device, kernel)
    if (kernel.kind === 'chain') return chain(device, kernel)
    if (kernel.kind === 'batch') return batch(device, kernel)
    if (kernel.kind === 'pool' && kernel.pass === 'max') return maxima(device, kernel)
    return device.compile(kernel)
  }
  return {
    ...device,
    kinds,
    fusion: { inputs, rich: true, recompute: 1 },
    compile: (kernel) => {
      kinds.set(kernel.kind, (kinds.get(kernel.kind) ?? 0) + 1)
      return compile(kernel)
    },
  }
}

const single = (made: ReturnType<Program>): DeviceBuffer => (made as readonly DeviceBuffer[])[0]!

type Operand = { readonly number: number } | { readonly buffer: DeviceBuffer; readonly view: View }

function fused(device: Device, { out, inputs, dims, values, stores }: FusedKernel): Program {
  const run = (kernel: Kernel, operands: readonly Operand[]): DeviceBuffer =>
    single(
      device.compile(kernel)(
        operands.flatMap((o) => ('buffer' in o ? [o.buffer] : [])),
        operands.flatMap((o) => ('number' in o ? [o.number] : [])),
      ),
    )
  const map = (expr: string, shape: readonly number[], operands: readonly Operand[]) =>
    run(
      { kind: 'map', expr, out: shape, inputs: operands.map((o) => ('view' in o ? o.view : null)) },
      operands,
    )
  return (buffers, scalars) => {
    let [buffer, number] = [0, 0]
    const operands = inputs.map(
      (view): Operand => (view ? { buffer: buffers[buffer++]!, view } : { number: scalars[number++]! }),
    )
    const first = (view: View, level: Level) =>
      sliceView(
        view,
        out.map((n, d) => ({
          start: 0,
          size: level === 'element' || (level === 'row' && !dims.includes(d)) ? n : Math.min(n, 1),
          step: 1,
        })),
      )
    for (const value of values) {
      if (value.kind === 'map') {
        const args = value.args.map((i) => operands[i]!)
        operands.push({ buffer: map(value.expr, out, args), view: contiguous(out) })
        continue
      }
      const o = operands[value.arg]!
      const whole = 'view' in o ? o : { buffer: map('a', out, [o]), view: contiguous(out) }
      const over = value.to === 'all' ? out.map((_, d) => d) : dims
      const view = first(whole.view, value.from)
      const shape = view.shape.map((n, d) => (over.includes(d) ? 1 : n))
      const made = run({ kind: 'reduce', op: value.op, inputs: [view], out: shape, dims: over }, [whole])
      operands.push({ buffer: made, view: expandView(contiguous(shape), out) })
    }
    return stores.map(({ value, level }) => {
      const o = operands[value]!
      const shape = out.map((n, d) => (level === 'all' || (level === 'row' && dims.includes(d)) ? 1 : n))
      return map('a', shape, ['view' in o ? { ...o, view: first(o.view, level) } : o])
    })
  }
}

function chain(device: Device, { first, after, link, keeps }: ChainKernel): Program {
  const buffersOf = (kernel: { inputs: readonly unknown[] }) => kernel.inputs.filter((v) => v !== null).length
  const [head, tail] = [device.compile(first), fused(device, after)]
  return (buffers, scalars) => {
    const count = buffersOf(first)
    const made = single(head(buffers.slice(0, count), []))
    const rest = buffers.slice(count)
    const at = after.inputs.slice(0, link).filter((v) => v !== null).length
    const outs = tail([...rest.slice(0, at), made, ...rest.slice(at)], scalars) as readonly DeviceBuffer[]
    return keeps ? [made, ...outs] : outs
  }
}

function batch(device: Device, { each, sizes }: BatchKernel): Program {
  const arrays = each.inputs.filter((view) => view !== null).length
  const programs = sizes.map((n) => {
    const inputs = each.inputs.map((view) => view && contiguous([n]))
    return fused(device, { ...each, out: [n], inputs })
  })
  return (buffers, scalars) =>
    programs.flatMap(
      (program, set) =>
        program(buffers.slice(set * arrays, (set + 1) * arrays), scalars) as readonly DeviceBuffer[],
    )
}

function maxima(device: Device, kernel: PoolKernel): Program {
  const places = device.compile({ ...kernel, pass: 'maxIndex' })
  const take = device.compile({
    ...kernel,
    pass: 'take',
    inputs: [kernel.inputs[0]!, contiguous(kernel.out)],
  })
  return (buffers, scalars) => {
    const at = single(places(buffers, scalars))
    return [single(take([buffers[0]!, at], scalars)), at]
  }
}
