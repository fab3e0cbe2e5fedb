import fc from 'fast-check'
import { expect, test } from 'vitest'
import { operandsOf } from '../../src/device/cpu/loop/levels.ts'
import type { FusedKernel, FusedValue, Level, Store } from '../../src/device/kernel.ts'
import { type Shape, sizeOf } from '../../src/shape.ts'
import { contiguous, expandView, padView, permuteView, sliceView, type View } from '../../src/view.ts'
import { runs } from '../support/cpu-draws.ts'
import { firstDifference } from '../support/cpu-recipe.ts'
import { fusedReference } from '../support/fused-reference.ts'
import { type FusedInputs, farthest, numbersLike, runFused } from './loop-support.ts'

/** Takes the next of some random whole numbers. */
type Draw = (below: number) => number

const SIZES = [1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 16, 17, 33, 64, 65]

function drawShape(draw: Draw, rank: number): Shape {
  const shape: number[] = []
  while (shape.length < rank) {
    const n = draw(40) === 0 ? 0 : SIZES[draw(SIZES.length)]!
    shape.push(sizeOf(shape) * n > 3000 ? 1 + draw(2) : n)
  }
  return shape
}

/** A view of this shape, and how many elements its buffer has. */
function drawView(draw: Draw, shape: Shape): { view: View; size: number } {
  const plain = draw(2) === 0
  const small = shape.map((n) => (draw(4) === 0 ? 1 : n))
  const padding = small.map((n): [number, number] => {
    if (plain || draw(3) > 0) return [0, 0]
    const before = draw(4) - 1
    const after = draw(4) - 1
    return before + after <= n ? [before, after] : [0, 0]
  })
  const bare = small.map((n, d) => n - padding[d]![0] - padding[d]![1])
  const steps = bare.map((size) => {
    const step = plain || draw(3) > 0 ? 1 : [-1, 2, -2, 3][draw(4)]!
    const spare = plain ? 0 : draw(3)
    const reach = Math.abs(step) * Math.max(0, size - 1)
    return { step, size, start: spare + (step < 0 ? reach : 0), whole: reach + 1 + 2 * spare }
  })
  const whole = steps.map(({ whole, size, step }) => (plain && step === 1 ? size : whole))
  const order = whole.map((_, d) => d)
  if (!plain) for (let d = order.length - 1; d > 0; d--) swap(order, d, draw(d + 1))
  const base = contiguous(order.map((d) => whole[d]!))
  let view = permuteView(
    base,
    order.map((_, d) => order.indexOf(d)),
  )
  view = sliceView(view, steps)
  view = padView(view, padding)
  return { view: expandView(view, shape), size: sizeOf(whole) }
}

function swap(list: number[], a: number, b: number): void {
  ;[list[a], list[b]] = [list[b]!, list[a]!]
}

/** Formulas that neither grow much nor lose digits. */
const FORMULAS: readonly (readonly [args: number, expr: string])[] = [
  [1, 'a'],
  [1, '-a * 0.5'],
  [2, 'a + b'],
  [2, 'a - b * 0.25'],
  [2, 'a * b / (1.0 + Math.abs(b))'],
  [2, 'a > b ? a : b'],
  [3, 'a > 0.48361 ? b : c'],
  [1, 'Math.exp(-Math.abs(a))'],
  [1, 'Math.tanh(a)'],
  [2, 'Math.log(1.0 + a * a) + Math.exp(-b * b)'],
  [1, '1.0 / (1.0 + a * a)'],
  [0, '0.75'],
  [1, 'a + i0 * 0.125'],
  [2, 'i1 > 1.5 ? a : b'],
  [0, 'i2 - i0'],
]

interface Drawn extends FusedInputs {
  readonly kernel: FusedKernel
}

/** Numbers that IEEE treats in a way of their own. */
const SPECIALS = [Number.NaN, Infinity, -Infinity, -0, 0]

function drawKernel(draw: Draw): Drawn {
  // Half of them run over rows several times.
  const rows = draw(2) === 0
  const out = drawShape(draw, rows ? 2 + draw(2) : draw(5))
  const dims = rows
    ? [draw(out.length)]
    : draw(4) === 0
      ? []
      : out.map((_, d) => d).filter(() => draw(2) === 0)
  const views: (View | null)[] = []
  const buffers: Float32Array[] = []
  const numbers: number[] = []
  for (let i = 1 + draw(3); i > 0; i--) {
    if (draw(6) === 0) {
      views.push(null)
      numbers.push(draw(9) / 4 - 1)
    } else {
      const { view, size } = drawView(draw, out)
      views.push(view)
      buffers.push(numbersLike(size, draw(1000)))
    }
  }
  let kernel: FusedKernel = { kind: 'fused', out, dims, inputs: views, values: [], stores: [] }
  for (let v = 1 + draw(rows ? 12 : 6); v > 0; v--) {
    const value = drawValue(draw, kernel)
    const longer = { ...kernel, values: [...kernel.values, value] }
    if (isAllowed(longer)) kernel = longer
  }
  if (kernel.values.length === 0) kernel = { ...kernel, values: [{ kind: 'map', expr: '1.0', args: [] }] }
  return { kernel: { ...kernel, stores: drawStores(draw, kernel) }, buffers, numbers }
}

function drawValue(draw: Draw, { inputs, values, out }: FusedKernel): FusedValue {
  // The latest operands more often: long chains find more.
  const operand = () => {
    const count = inputs.length + values.length
    return draw(2) === 0 ? draw(count) : count - 1
  }
  if (draw(5) < 2) {
    const op = (['sum', 'max', 'min'] as const)[draw(3)]!
    const from = draw(3) === 0 ? 'row' : 'element'
    return { kind: 'reduce', op, arg: operand(), from, to: draw(3) === 0 ? 'all' : 'row' }
  }
  const [args, expr] = FORMULAS[draw(FORMULAS.length)]!
  const known = Array.from(expr.matchAll(/i(\d)/g)).every(([, d]) => Number(d) < out.length)
  if (!known) return { kind: 'map', expr: '0.5', args: [] }
  return { kind: 'map', expr, args: Array.from({ length: args }, operand) }
}

function isAllowed(kernel: FusedKernel): boolean {
  try {
    const operands = operandsOf(kernel)
    const value = kernel.values.at(-1)!
    const isEmpty = sizeOf(kernel.out) === 0 || sizeOf(kernel.dims.map((d) => kernel.out[d]!)) === 0
    if (value.kind === 'map') return true
    // Nothing has no extreme, and what varies in a row is not the row's.
    if (value.op !== 'sum' && isEmpty) return false
    return value.from === 'element' || kernel.dims.every((d) => !operands[value.arg]!.along.has(d))
  } catch {
    return false
  }
}

function drawStores(draw: Draw, kernel: FusedKernel): Store[] {
  const operands = operandsOf(kernel)
  const last = operands.length - 1
  return Array.from({ length: 1 + draw(3) }, (_, s): Store => {
    const value = s === 0 ? last : kernel.inputs.length + draw(kernel.values.length)
    const { along, late, afterRow } = operands[value]!
    const levels: Level[] = late ? ['all'] : ['element']
    if (!late && kernel.dims.every((d) => !along.has(d))) levels.push('row')
    if (!late && !afterRow && along.size === 0) levels.push('all')
    return { value, level: levels[draw(levels.length)]! }
  })
}

const kernels = fc
  .infiniteStream(fc.nat(2 ** 20))
  .map((stream) => drawKernel((below) => stream.next().value % below))
  .map((drawn) => ({ ...drawn, toString: () => JSON.stringify(drawn.kernel) }))

/** The default is little for so large a space; RUNS may ask for more. */
const settings = runs(80)

function agrees({ kernel, buffers, numbers = [] }: Drawn, threads: number): void {
  const want = fusedReference(kernel, buffers, numbers)
  const got = runFused(kernel, { buffers, numbers }, { threads })
  got.forEach((output, s) => {
    expect(farthest(output, want[s]!), `store ${s}`).toBeLessThan(1e-5)
  })
  for (const parts of [2, 3])
    runFused(kernel, { buffers, numbers }, { threads, parts }).forEach((output, s) => {
      expect(firstDifference(output, got[s]!), `store ${s} in ${parts} parts`).toBe(-1)
    })
}

test('random kernels give what their definition says, in any number of ranges', () => {
  fc.assert(fc.property(kernels, fc.constantFrom(1, 2, 3), agrees), settings)
})

test('NaN, infinities and zeros of either sign go through as in JavaScript', () => {
  fc.assert(
    fc.property(kernels, fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), (drawn, places) => {
      const buffers = drawn.buffers.map((buffer) => {
        const changed = buffer.slice()
        for (const [k, place] of places.entries())
          if (changed.length > 0) changed[place % changed.length] = SPECIALS[(place + k) % SPECIALS.length]!
        return changed
      })
      agrees({ ...drawn, buffers }, 2)
    }),
    settings,
  )
})
