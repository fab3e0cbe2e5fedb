import type { FusedKernel, FusedValue } from '../../device/kernel.ts'
import type { Slots } from './lower.ts'

/**
 * Probabilities from log-probabilities as quotients: exp((x - max) - log(sum)) is exp(x - max) / sum, whose numerator is
 * there already, having been summed. Only where the largest element was taken off: the sum is then at least 1, so that
 * nothing overflows or vanishes that would not have done so before.
 */
export function withQuotients(step: Slots): Slots {
  const { kernel } = step
  if (kernel.kind !== 'fused') return step
  const values = kernel.values.map((value) => quotientFor(kernel, value) ?? value)
  return { ...step, kernel: { ...kernel, values } }
}

function quotientFor(kernel: FusedKernel, value: FusedValue): FusedValue | null {
  const valueAt = (operand: number | undefined) =>
    operand === undefined ? undefined : kernel.values[operand - kernel.inputs.length]
  const argsOf = (operand: number | undefined, expr: string): readonly number[] => {
    const made = valueAt(operand)
    return made?.kind === 'map' && made.expr === expr ? made.args : []
  }
  const reduced = (operand: number | undefined, op: string): number | undefined => {
    const made = valueAt(operand)
    return made?.kind === 'reduce' && made.op === op && made.to === 'row' ? made.arg : undefined
  }

  if (value.kind !== 'map' || value.expr !== EXP) return null
  const [shifted, log] = argsOf(value.args[0], DIFFERENCE)
  const [sum] = argsOf(log, LOG)
  const summed = reduced(sum, 'sum')
  const [exponent] = argsOf(summed, EXP)
  const [x, largest] = argsOf(shifted, DIFFERENCE)
  if (exponent === undefined || exponent !== shifted || reduced(largest, 'max') !== x) return null
  return { kind: 'map', expr: 'a / b', args: [summed!, sum!] }
}

// As the operations write them.
const EXP = 'Math.exp(a)'
const LOG = 'log(a)'
const DIFFERENCE = 'a - b'
