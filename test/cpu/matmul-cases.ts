import type { MatmulKernel } from '../../src/device/kernel.ts'
import { contiguous, expandView, permuteView, sliceView, type View } from '../../src/view.ts'

/** How an operand lies in its buffer. */
export interface Layout {
  /** Its rows lie where columns are wont to. */
  readonly transposed: boolean
  /** Elements of the buffer before and behind the part of each dim that is taken. */
  readonly margin: number
  /** Every how many-th element is taken along rows and columns; backwards where negative. */
  readonly steps: readonly [number, number]
}

export const PLAIN: Layout = { transposed: false, margin: 0, steps: [1, 1] }
export const TRANSPOSED: Layout = { ...PLAIN, transposed: true }

export interface Case {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly batch: readonly number[]
  /** Which batch dims each operand repeats along. */
  readonly repeats: readonly [readonly boolean[], readonly boolean[]]
  readonly layouts: readonly [Layout, Layout]
}

export const plain = (m: number, k: number, n: number, layouts: Case['layouts'] = [PLAIN, PLAIN]): Case => ({
  m,
  n,
  k,
  batch: [],
  repeats: [[], []],
  layouts,
})

/** A view of [...batch, rows, columns], and how many elements its buffer has. */
function viewOf({ batch }: Case, repeats: readonly boolean[], rows: number, columns: number, layout: Layout) {
  const { transposed, margin, steps } = layout
  const own = batch.map((size, d) => (repeats[d] ? 1 : size))
  const span = (size: number, step: number) => Math.max(1, (size - 1) * Math.abs(step) + 1) + 2 * margin
  const stored = [...own, span(rows, steps[0]), span(columns, steps[1])]
  const rank = stored.length
  const swapped = [...own.keys(), rank - 1, rank - 2]
  const whole = transposed
    ? permuteView(contiguous(swapped.map((d) => stored[d]!)), swapped)
    : contiguous(stored)
  const taken = sliceView(
    whole,
    [...own, rows, columns].map((size, d) => {
      const step = d < own.length ? 1 : steps[d - own.length]!
      const first = d < own.length ? 0 : margin
      return { start: step > 0 ? first : first + (size - 1) * -step, size, step }
    }),
  )
  return { view: expandView(taken, [...batch, rows, columns]), size: stored.reduce((a, b) => a * b, 1) }
}

export function kernelOf(c: Case): { readonly kernel: MatmulKernel; readonly sizes: readonly number[] } {
  const left = viewOf(c, c.repeats[0], c.m, c.k, c.layouts[0])
  const right = viewOf(c, c.repeats[1], c.k, c.n, c.layouts[1])
  const out = [...c.batch, c.m, c.n]
  return {
    kernel: { kind: 'matmul', out, inputs: [left.view, right.view] },
    sizes: [left.size, right.size],
  }
}

/** The product in float64, and the sum of absolute values that each result is made of. */
export function product(kernel: MatmulKernel, [x, y]: readonly Float32Array[]) {
  const { out } = kernel
  const [left, right] = kernel.inputs as readonly [View, View]
  const rank = out.length
  const [m, n, k] = [out[rank - 2]!, out[rank - 1]!, left.shape[rank - 1]!]
  const [down, across] = [rank - 2, rank - 1].map((d) => [left.strides[d]!, right.strides[d]!] as const) as [
    readonly [number, number],
    readonly [number, number],
  ]
  const matrices = out.slice(0, -2).reduce((a, b) => a * b, 1)
  const values = new Float64Array(matrices * m * n)
  const sizes = new Float64Array(matrices * m * n)
  for (let matrix = 0; matrix < matrices; matrix++) {
    const [a, b] = [left, right].map(({ offset, strides }) => {
      let [start, rest] = [offset, matrix]
      for (let d = rank - 3; d >= 0; d--) {
        start += (rest % out[d]!) * strides[d]!
        rest = Math.floor(rest / out[d]!)
      }
      return start
    }) as [number, number]
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let [sum, size] = [0, 0]
        let [from, to] = [a + i * down[0], b + j * across[1]]
        for (let p = 0; p < k; p++) {
          const term = x![from]! * y![to]!
          sum += term
          size += Math.abs(term)
          from += across[0]
          to += down[1]
        }
        values[(matrix * m + i) * n + j] = sum
        sizes[(matrix * m + i) * n + j] = size
      }
  }
  return { values, sizes }
}

/** Repeatable numbers in (-1, 1). */
export function numbers(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) | 0
  const numbers = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    numbers[i] = state / 2 ** 31
  }
  return numbers
}
