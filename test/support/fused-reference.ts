import type { FusedKernel, FusedReduction, FusedValue } from '../../src/device/kernel.ts'
import { outputsOf } from '../../src/device/outputs.ts'
import { expand } from '../../src/device/text/special.ts'
import { sizeOf } from '../../src/shape.ts'
import type { View } from '../../src/view.ts'

/** What an operand is at an element, of a row, and of everything; NaN where it is no such thing. */
interface Numbers {
  readonly elements: readonly number[]
  readonly rows: readonly number[]
  readonly all: number
}

/** A fused kernel by its definition, in float64: one array per store. Empty rows have the sum 0. */
export function fusedReference(
  kernel: FusedKernel,
  buffers: readonly ArrayLike<number>[],
  numbers: readonly number[] = [],
): number[][] {
  const { out, dims, inputs, values, stores } = kernel
  const places = placesOf(out)
  const rowPlaces = placesOf(out.map((n, d) => (dims.includes(d) ? 1 : n)))
  const rows = places.map((place) =>
    place.reduce((row, i, d) => (dims.includes(d) ? row : row * out[d]! + i), 0),
  )
  const members = rowPlaces.map((): number[] => [])
  rows.forEach((row, e) => {
    members[row]!.push(e)
  })
  const once = (value: number): Numbers => ({
    elements: places.map(() => value),
    rows: rowPlaces.map(() => value),
    all: value,
  })

  let buffer = 0
  let number = 0
  const operands = inputs.map((view): Numbers => {
    if (view === null) return once(numbers[number++]!)
    const source = buffers[buffer++]!
    const at = (place: readonly number[]) => read(view, source, place)
    return {
      elements: places.map(at),
      rows: rowPlaces.map(at),
      all: at(out.map(() => 0)),
    }
  })
  for (const value of values) operands.push(evaluated(value))

  function evaluated(value: FusedValue): Numbers {
    if (value.kind === 'map') {
      const run = formula(value.expr)
      const args = value.args.map((arg) => operands[arg]!)
      const over = (many: 'elements' | 'rows', at: readonly (readonly number[])[]) =>
        at.map((place, k) =>
          run(
            args.map((arg) => arg[many][k]!),
            place,
          ),
        )
      return {
        elements: over('elements', places),
        rows: over('rows', rowPlaces),
        all: run(
          args.map(({ all }) => all),
          out.map(() => 0),
        ),
      }
    }
    const arg = operands[value.arg]!
    const counted = arg[value.from === 'element' ? 'elements' : 'rows']
    if (value.to === 'all') return { ...once(Number.NaN), all: reduced(value.op, counted) }
    const totals = rowPlaces.map((_, row) =>
      value.from === 'row'
        ? counted[row]!
        : reduced(
            value.op,
            members[row]!.map((e) => counted[e]!),
          ),
    )
    return { elements: rows.map((row) => totals[row]!), rows: totals, all: Number.NaN }
  }

  const sizes = outputsOf(kernel).map(sizeOf)
  return stores.map(({ value, level }, s) => {
    const { elements, rows: ofRows, all } = operands[value]!
    const stored = level === 'element' ? elements : level === 'row' ? ofRows : [all]
    if (stored.length !== sizes[s]) throw new Error(`fused-reference: store ${s} has the wrong size.`)
    return [...stored]
  })
}

function placesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (outer, n) => outer.flatMap((place) => Array.from({ length: n }, (_, i) => [...place, i])),
    [[]],
  )
}

/** What a view shows at a place. */
function read({ strides, offset, mask }: View, source: ArrayLike<number>, place: readonly number[]): number {
  const inside = mask?.every(([low, high], d) => place[d]! >= low && place[d]! < high) ?? true
  if (!inside) return 0
  return source[place.reduce((at, i, d) => at + i * strides[d]!, offset)] ?? Number.NaN
}

const formulas = new Map<string, (args: readonly number[], place: readonly number[]) => number>()

function formula(expr: string): (args: readonly number[], place: readonly number[]) => number {
  const known = formulas.get(expr)
  if (known) return known
  const made = new Function(
    '[a, b, c, d, e, f, g, h]',
    '[i0, i1, i2, i3, i4, i5]',
    `return Number(${expand(expr)})`,
  ) as (args: readonly number[], place: readonly number[]) => number
  formulas.set(expr, made)
  return made
}

function reduced(op: FusedReduction, values: readonly number[]): number {
  if (op === 'sum') return values.reduce((sum, value) => sum + value, 0)
  if (values.some(Number.isNaN)) return Number.NaN
  return values.reduce(
    (best, value) => (op === 'max' ? Math.max(best, value) : Math.min(best, value)),
    op === 'max' ? -Infinity : Infinity,
  )
}
