import { DeviceError } from '../../../errors.ts'
import type { View } from '../../../view.ts'
import { coordinatesIn } from '../../coordinates.ts'
import type { FusedKernel, FusedValue } from '../../kernel.ts'

/** What is known of an operand (an input or a value) without looking at its numbers. */
export interface Operand {
  /** The dims of the space along which it may differ. */
  readonly along: ReadonlySet<number>
  /** It takes a reduction over rows. */
  readonly afterRow: boolean
  /** It takes a reduction over everything, so it is there only at the end. */
  readonly late: boolean
}

/** Whether elements of a view differ along a dim. */
export const movesAlong = (view: View, d: number): boolean =>
  view.shape[d] !== 1 && !isZero(view) && (view.strides[d] !== 0 || partial(view, d))

const partial = ({ mask, shape }: View, d: number): boolean =>
  mask !== null && (mask[d]![0] > 0 || mask[d]![1] < shape[d]!)

/** Whether a view shows nothing but the zeros outside its mask. */
export const isZero = ({ mask }: View): boolean => mask?.some(([low, high]) => low >= high) ?? false

/**
 * The operands of a kernel: its inputs, then its values.
 *
 * @throws DeviceError where what is known only at the end is used before.
 */
export function operandsOf(kernel: FusedKernel): Operand[] {
  const all = kernel.out.map((_, d) => d)
  const operands = kernel.inputs.map(
    (view): Operand => ({
      along: new Set(view ? all.filter((d) => movesAlong(view, d)) : []),
      afterRow: false,
      late: false,
    }),
  )
  for (const value of kernel.values) operands.push(operandOf(kernel, value, operands))
  return operands
}

function operandOf({ dims, out }: FusedKernel, value: FusedValue, operands: readonly Operand[]): Operand {
  if (value.kind === 'map') {
    const args = value.args.map((arg) => operands[arg]!)
    const along = new Set([...args.flatMap((arg) => [...arg.along]), ...coordinatesIn(value.expr)])
    for (const d of along) if (out[d] === 1) along.delete(d)
    const late = args.some((arg) => arg.late)
    const afterRow = args.some((arg) => arg.afterRow)
    if (late && (afterRow || along.size > 0))
      throw new DeviceError(
        `fused: what is reduced over everything is known only at the end, got '${value.expr}' of it and of elements or rows. Use a second kernel.`,
      )
    return { along, late, afterRow }
  }
  const arg = operands[value.arg]!
  if (arg.late)
    throw new DeviceError(
      `fused: what is reduced over everything is one number, got ${value.op} of it. Use its value.`,
    )
  if (value.to === 'all') return { along: new Set(), late: true, afterRow: false }
  return { along: new Set([...arg.along].filter((d) => !dims.includes(d))), late: false, afterRow: true }
}
