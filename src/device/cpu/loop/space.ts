import { type Shape, sizeOf, stridesOf } from '../../../shape.ts'
import type { Range, View } from '../../../view.ts'
import { coordinatesIn } from '../../coordinates.ts'
import type { FusedKernel, Level } from '../../kernel.ts'
import { isZero } from './levels.ts'

/** The index space with neighbouring dims joined where everything walks through them in one stride. */
export interface Space {
  readonly dims: readonly Dim[]
  /** The dim that each of the kernel's dims has become; null where it has size 1. */
  readonly from: readonly (number | null)[]
  /** How each input lies: null for a number, 'zero' for one without elements of its own. */
  readonly inputs: readonly (Access | 'zero' | null)[]
  /** How each output lies; null for one number. */
  readonly outputs: readonly (Access | null)[]
}

export interface Dim {
  readonly size: number
  /** Rows run along it. */
  readonly reduced: boolean
}

/** A buffer under the space, in elements. */
export interface Access {
  /** The pointer's number among the arguments. */
  readonly argument: number
  readonly offset: number
  /** Per dim of the space. */
  readonly strides: readonly number[]
  /** Per dim the part outside which it is 0, null for all of it. */
  readonly ranges: readonly (Range | null)[]
}

/** The space of a simplified kernel of which only the operands in `live` matter. */
export function spaceOf(kernel: FusedKernel, live: ReadonlySet<number>): Space {
  const { out, dims } = kernel
  let argument = 0
  const inputs = kernel.inputs.map((view, i) => {
    if (view === null) return null
    const access = !live.has(i) || isZero(view) ? ('zero' as const) : accessOf(view)
    return { argument: argument++, access }
  })
  const outputs = kernel.stores.map(({ level }) => ({
    argument: argument++,
    access: level === 'all' ? null : storeOf(out, dims, level),
  }))

  const groups = joined(
    kernel,
    live,
    [...inputs, ...outputs].flatMap((buffer) =>
      buffer?.access && buffer.access !== 'zero' ? [buffer.access] : [],
    ),
  )
  // A space of one element is walked along a dim of one.
  const empty = groups.length === 0
  const regrouped = (access: Strided, stride: number) => ({
    offset: access.offset,
    strides: empty ? [stride] : groups.map((group) => access.strides[group.at(-1)!]!),
    ranges: empty ? [null] : groups.map((group) => access.ranges[group.at(-1)!]!),
  })
  const from = out.map((_, d) => {
    const group = groups.findIndex((members) => members.includes(d))
    return group < 0 ? null : group
  })
  return {
    dims: empty
      ? [{ size: 1, reduced: false }]
      : groups.map((group) => ({
          size: sizeOf(group.map((d) => out[d]!)),
          reduced: dims.includes(group[0]!),
        })),
    from,
    inputs: inputs.map((input) => {
      if (input === null || input.access === 'zero') return input && 'zero'
      return { argument: input.argument, ...regrouped(input.access, 0) }
    }),
    outputs: outputs.map(({ argument: at, access }) => access && { argument: at, ...regrouped(access, 1) }),
  }
}

type Strided = Omit<Access, 'argument'>

const accessOf = ({ shape, strides, offset, mask }: View): Strided => ({
  offset,
  strides: strides.map((stride, d) => (shape[d] === 1 ? 0 : stride)),
  ranges: shape.map((n, d) => (mask && (mask[d]![0] > 0 || mask[d]![1] < n) ? mask[d]! : null)),
})

/** An output: contiguous over the space, or over its rows. */
function storeOf(out: Shape, dims: readonly number[], level: Level): Strided {
  const shape = level === 'element' ? out : out.map((n, d) => (dims.includes(d) ? 1 : n))
  const strides = stridesOf(shape)
  return {
    offset: 0,
    strides: strides.map((stride, d) => (shape[d] === 1 ? 0 : stride)),
    ranges: out.map(() => null),
  }
}

/** The kernel's dims in groups, those of rows behind. Size 1 is left out. */
function joined(
  { out, dims, values, inputs }: FusedKernel,
  live: ReadonlySet<number>,
  accesses: readonly Strided[],
): number[][] {
  const alone = new Set(
    values.flatMap((value, v) =>
      value.kind === 'map' && live.has(inputs.length + v) ? coordinatesIn(value.expr) : [],
    ),
  )
  const whole = (d: number) => !alone.has(d) && accesses.every((access) => access.ranges[d] === null)
  const groups: number[][] = []
  for (const reduced of [false, true]) {
    let last: number[] | undefined
    out.forEach((n, d) => {
      if (dims.includes(d) !== reduced || n === 1) return
      const outer = last?.at(-1)
      if (
        outer !== undefined &&
        whole(outer) &&
        whole(d) &&
        accesses.every((access) => access.strides[outer] === access.strides[d]! * n)
      )
        last!.push(d)
      else {
        last = [d]
        groups.push(last)
      }
    })
  }
  return groups
}
