import type { Conv2dKernel } from '../../kernel.ts'

/** Outputs along an axis that meet the same taps. */
export interface Phase {
  /** The first tap that meets them; the next are `tapStep` further on. */
  readonly tap: number
  readonly taps: number
  /** What the first output meets with the first tap, counted from the axis' `low`. */
  readonly shift: number
  /** How many outputs: one for each place. */
  readonly places: number
}

/** How a correlation runs along one axis. Place j of phase p writes output `p + j * outStep`. */
export interface Axis {
  /** The source's own elements. */
  readonly source: number
  /** All that is read: `size` elements from `low` on, zeros where that is outside of the source. */
  readonly low: number
  readonly size: number
  readonly out: number
  readonly kernel: number
  readonly phases: readonly Phase[]
  readonly tapStep: number
  /** From what a tap meets to what the next one meets. */
  readonly shiftStep: number
  /** From what one place meets to what the next one meets. */
  readonly inStep: number
  readonly outStep: number
}

/**
 * out[n][o][place] = sum over source channels and taps of source[n][c][place + tap] * w[o][c][tap], in groups: a forward
 * pass, or the gradient in its input, which is one correlation for each place within a stride. Channels are a group's.
 */
export interface Correlation {
  readonly images: number
  readonly groups: number
  readonly from: number
  readonly to: number
  readonly rows: Axis
  readonly cols: Axis
  /** Elements of the weight from one group, output channel and source channel to the next. */
  readonly weight: { readonly group: number; readonly to: number; readonly from: number }
}

/** What a forward pass does along dim `d` (0: rows) from `size` elements to `out`. */
export function forwardAxis(kernel: Window, d: 0 | 1, size: number, out: number, taps: number): Axis {
  const [stride, padding, dilation] = [kernel.stride[d], kernel.padding[d], kernel.dilation[d]]
  return {
    source: size,
    low: -padding,
    size: (out - 1) * stride + (taps - 1) * dilation + 1,
    out,
    kernel: taps,
    phases: [{ tap: 0, taps, shift: 0, places: out }],
    tapStep: 1,
    shiftStep: dilation,
    inStep: stride,
    outStep: 1,
  }
}

type Window = Pick<Conv2dKernel, 'stride' | 'padding' | 'dilation'>

/** From the gradient's `size` elements back to the input's `out`. */
function backwardAxis(kernel: Window, d: 0 | 1, size: number, out: number, taps: number): Axis {
  const [stride, padding, dilation] = [kernel.stride[d], kernel.padding[d], kernel.dilation[d]]
  const common = gcd(stride, dilation)
  const [tapStep, shiftStep] = [stride / common, -dilation / common]
  const phases = Array.from({ length: stride }, (_, phase): Phase => {
    const places = Math.max(0, Math.ceil((out - phase) / stride))
    const meets = (tap: number) => (phase + padding - tap * dilation) / stride
    let tap = 0
    while (tap < taps && !Number.isInteger(meets(tap))) tap++
    const count = places === 0 ? 0 : Math.ceil((taps - tap) / tapStep)
    return { tap, taps: count, shift: count === 0 ? 0 : meets(tap), places }
  })
  const met = phases.filter((phase) => phase.taps > 0)
  const low = Math.min(...met.map((phase) => phase.shift + (phase.taps - 1) * shiftStep))
  const high = Math.max(...met.map((phase) => phase.shift + phase.places))
  return {
    source: size,
    low: met.length === 0 ? 0 : low,
    size: met.length === 0 ? 1 : high - low,
    out,
    kernel: taps,
    phases: phases.map((phase) => (phase.taps === 0 ? phase : { ...phase, shift: phase.shift - low })),
    tapStep,
    shiftStep,
    inStep: 1,
    outStep: stride,
  }
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** The correlation that a `forward` or `inputGrad` pass is. */
export function correlationOf(kernel: Conv2dKernel): Correlation {
  const { groups, out, inputs, pass } = kernel
  const [source, weight] = inputs.map((view) => view!.shape) as [number[], number[]]
  const axis = pass === 'forward' ? forwardAxis : backwardAxis
  const [outer, inner, kH, kW] = weight as [number, number, number, number]
  const perGroup = outer / groups
  const [wide, narrow] = [inner * kH * kW, kH * kW]
  return {
    images: out[0]!,
    groups,
    from: pass === 'forward' ? inner : perGroup,
    to: pass === 'forward' ? perGroup : inner,
    rows: axis(kernel, 0, source[2]!, out[2]!, kH),
    cols: axis(kernel, 1, source[3]!, out[3]!, kW),
    weight: {
      group: perGroup * wide,
      to: pass === 'forward' ? wide : narrow,
      from: pass === 'forward' ? narrow : wide,
    },
  }
}
