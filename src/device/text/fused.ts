import { DeviceError } from '../../errors.ts'
import type { Range, View } from '../../view.ts'
import { placed, readsPlace } from '../coordinates.ts'
import type { FusedKernel, FusedValue } from '../kernel.ts'
import { type Grid, gridOf, joinDims, load, parted } from './grid.ts'
import { accumulation } from './reduce.ts'
import { expand } from './special.ts'
import { buffersOf, NAMES, type Writer } from './text.ts'

/**
 * Characters of formulas in front of a reduction from which on they are written out once, in a loop, and not eight times:
 * some drivers take minutes and gigabytes to compile the logarithms of a cross-entropy, or the two square roots and
 * comparisons of a correlation, eight times over.
 */
const LONG = 100

type Reduction = Extract<FusedValue, { kind: 'reduce' }>

/**
 * A chain of elementwise maths, or one in front of a reduction and one behind it: what the planner joins for devices
 * that are not rich.
 */
export function writeFused(w: Writer, kernel: FusedKernel): void {
  const { values, inputs, stores } = kernel
  const at = values.findIndex(({ kind }) => kind === 'reduce')
  const last = inputs.length + values.length - 1
  if (stores.length !== 1 || stores[0]!.value !== last)
    throw new DeviceError(
      `fused: this device makes one output per kernel, got ${stores.length}. Plan without 'rich'.`,
    )
  if (at < 0) chain(w, kernel)
  else reduced(w, kernel, values[at] as Reduction, at)
}

/** The statements that compute values [from, to), each into `v<operand>` and the tag. */
function statements(
  { values, inputs }: FusedKernel,
  [from, to]: Range,
  coords: readonly string[],
  tag = '',
): string {
  return values
    .slice(from, to)
    .map((value, i) => {
      if (value.kind === 'reduce') return ''
      const expr = expand(value.expr).replace(
        /\b[a-h]\b/g,
        (name) => `v${value.args[NAMES.indexOf(name)]}${tag}`,
      )
      return `let v${inputs.length + from + i}${tag} = ${placed(expr, coords)};`
    })
    .join(' ')
}

/** The statements that load the inputs that `wanted` picks. */
function loads(
  { inputs }: FusedKernel,
  views: readonly View[],
  coords: readonly string[],
  wanted: (input: number) => boolean,
  tag = '',
): string {
  let array = 0
  let number = 0
  return inputs
    .map((view, i) => {
      const value = view ? load(`x${array}`, views[array++]!, coords) : `s${number++}`
      return wanted(i) ? `let v${i}${tag} = ${value};` : ''
    })
    .join(' ')
}

function chain(w: Writer, kernel: FusedKernel): void {
  const buffers = buffersOf(kernel)
  const views = buffers.map(({ view }) => view)
  const byPlace = kernel.values.some((value) => value.kind === 'map' && readsPlace(value.expr))
  const joined = byPlace ? { shape: kernel.out, views } : joinDims(kernel.out, views)
  const grid = gridOf(joined.shape, w.limits)
  const { length } = kernel.values
  const body = `${loads(kernel, joined.views, grid.coords, () => true)} ${statements(kernel, [0, length], grid.coords)}`
  emit(w, kernel, grid, body)
}

function emit(w: Writer, kernel: FusedKernel, grid: Grid, body: string): void {
  const numbers = kernel.inputs.filter((view) => view === null).length
  w.step(
    grid.sides,
    buffersOf(kernel).map(({ source }) => source),
    `${body} return v${kernel.stores[0]!.value};`,
    numbers,
  )
}

function reduced(w: Writer, kernel: FusedKernel, { op, arg, to }: Reduction, reduction: number): void {
  const { out, inputs, values } = kernel
  const dims = to === 'all' ? out.map((_, d) => d) : kernel.dims
  const views = buffersOf(kernel).map(({ view }) => view)
  const { outer, inner, views: whole } = parted(out, views, dims)
  const grid = gridOf(outer, w.limits)
  const elements = neededBy(kernel, [arg])
  // Each reading is a handful of statements under names of its own, which go before the expression that uses it.
  const waiting: string[] = []
  let readings = 0
  const read = (coords: readonly string[]): string => {
    const tag = `_${readings++}`
    const at = [...grid.coords, ...coords]
    waiting.push(
      loads(kernel, whole, at, (i) => elements.has(i), tag),
      statements(kernel, [0, reduction], at, tag),
    )
    return `v${arg}${tag}`
  }
  const formulas = values.slice(0, reduction).map((value) => (value.kind === 'map' ? expand(value.expr) : ''))
  const long = formulas.join('').length > LONG
  const { body, result } = accumulation(op, inner, read, () => waiting.splice(0).join(' '), long)
  const rest = neededBy(
    kernel,
    values.slice(reduction + 1).flatMap((value) => (value.kind === 'map' ? value.args : [])),
  )
  const first = inner.map(() => '0')
  const after = loads(kernel, whole, [...grid.coords, ...first], (i) => rest.has(i))
  emit(
    w,
    kernel,
    grid,
    `${body} let v${inputs.length + reduction} = ${result}; ${after} ${statements(kernel, [reduction + 1, values.length], grid.coords)}`,
  )
}

/** The inputs among these operands, and behind those of them that are values. */
function neededBy({ inputs, values }: FusedKernel, operands: readonly number[]): Set<number> {
  const needed = new Set<number>()
  const open = [...operands]
  for (let operand = open.pop(); operand !== undefined; operand = open.pop()) {
    if (needed.has(operand)) continue
    needed.add(operand)
    const value = values[operand - inputs.length]
    // A reduction hides what is behind it.
    if (value?.kind === 'map') open.push(...value.args)
  }
  return needed
}
