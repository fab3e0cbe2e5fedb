import { sizeOf } from '../../shape.ts'
import { contiguous, padView, type Range, type View } from '../../view.ts'
import type { PoolKernel } from '../kernel.ts'
import { checkExact, type Grid, gridOf, load, quotient } from './grid.ts'
import { buffersOf, loop, type Operand, type Writer } from './text.ts'

type Coords = [n: string, c: string, y: string, x: string]

export function writePool(w: Writer, kernel: PoolKernel): void {
  const grid = gridOf(kernel.out, w.limits)
  if (kernel.pass === 'maxIndex') maxIndex(w, kernel, grid)
  else if (kernel.pass === 'sum') sum(w, kernel, grid)
  else if (kernel.pass === 'take') take(w, kernel, grid)
  else scattered(w, kernel, grid)
}

/** Runs `body(row, col)` for every tap of the window, in coordinates of the padded plane. */
function overWindow(
  { kernelSize, stride, dilation }: PoolKernel,
  [, , y, x]: Coords,
  body: (row: string, col: string) => string,
): string {
  const place = (coord: string, d: number, tap: string) =>
    `(${coord} * ${stride[d]} + ${tap} * ${dilation[d]})`
  return loop('kh', kernelSize[0], loop('kw', kernelSize[1], body(place(y, 0, 'kh'), place(x, 1, 'kw'))))
}

/** The plane with zeros as far around it as windows reach; in ceil mode that is past the padding. */
function reached(view: View, { kernelSize, stride, padding, dilation, out }: PoolKernel): View {
  const around = [0, 1].map((d): Range => {
    const end = (out[2 + d]! - 1) * stride[d]! + dilation[d]! * (kernelSize[d]! - 1) + 1
    return [padding[d]!, Math.max(0, end - padding[d]! - view.shape[2 + d]!)]
  })
  return padView(view, [[0, 0], [0, 0], ...around])
}

function maxIndex(w: Writer, kernel: PoolKernel, grid: Grid): void {
  const { source, view } = buffersOf(kernel)[0]!
  const coords = grid.coords as Coords
  const wide = reached(view, kernel)
  const body = overWindow(kernel, coords, (row, col) => {
    const place = [row, col]
    const inside = [0, 1].flatMap((d) => {
      const [before, size] = [kernel.padding[d]!, view.shape[2 + d]!]
      return [
        ...(before > 0 ? [`${place[d]} >= ${before}`] : []),
        ...(wide.shape[2 + d]! > before + size ? [`${place[d]} < ${before + size}`] : []),
      ]
    })
    // NaN is larger than anything, and the last one counts, as in PyTorch.
    const better = '(k < 0.0 || v > m || !(v < 0.0 || v >= 0.0))'
    const index = `(${row} - ${kernel.padding[0]}) * ${view.shape[3]} + ${col} - ${kernel.padding[1]}`
    return `let v = ${load('x0', wide, [coords[0], coords[1], row, col])}; let t = ${[...inside, better].join(' && ')} ? 1.0 : 0.0; m = t > 0.5 ? v : m; k = k + t * (${index} - k);`
  })
  w.step(grid.sides, [source], `let m = 0.0; let k = -1.0; ${body} return k;`)
}

function sum(w: Writer, kernel: PoolKernel, grid: Grid): void {
  const { source, view } = buffersOf(kernel)[0]!
  const coords = grid.coords as Coords
  const wide = reached(view, kernel)
  const body = overWindow(
    kernel,
    coords,
    (row, col) => `s += ${load('x0', wide, [coords[0], coords[1], row, col])};`,
  )
  w.step(grid.sides, [source], `let s = 0.0; ${body} return s;`)
}

function take(w: Writer, kernel: PoolKernel, grid: Grid): void {
  const [x, index] = buffersOf(kernel) as [Operand, Operand]
  const [n, c] = grid.coords as Coords
  checkExact('pool', sizeOf(x.view.shape), w.limits)
  const flat = w.compact(x.source, x.view)
  const plane = contiguous(x.view.shape)
  const base = load('x0', plane, [n, c, '0', '0']).slice('x0['.length, -1)
  w.step(grid.sides, [flat, index.source], `return x0[${base} + ${load('x1', index.view, grid.coords)}];`)
}

/**
 * `put` and `spread`: each place of the plane looks at the windows that cover it. For `put` the place itself says
 * whether the window took it; for `spread` the window must reach it.
 */
function scattered(w: Writer, kernel: PoolKernel, grid: Grid): void {
  const { pass, kernelSize, stride, padding, dilation, out } = kernel
  const [g, index] = buffersOf(kernel)
  const [n, c, y, x] = grid.coords as Coords
  const places = g!.view.shape.slice(2)
  const candidates = (d: number) => Math.ceil((dilation[d]! * (kernelSize[d]! - 1) + 1) / stride[d]!)
  const window = (coord: string, d: number, back: number) => {
    const padded = padding[d] === 0 ? coord : `(${coord} + ${padding[d]})`
    const last = quotient(padded, stride[d]!, out[2 + d]! + padding[d]!)
    const at = back === 0 ? last : `(${last} - ${back})`
    // A window index may lie past the last window, or (counting back) before the first.
    const exists = [`${at} < ${places[d]}`, ...(back > 0 ? [`${at} >= 0`] : [])]
    const reaches = `${padded} - ${at} * ${stride[d]} < ${kernelSize[d]}`
    return { at, conditions: pass === 'put' ? exists : [...exists, reaches] }
  }
  const mine = `${y} * ${out[3]} + ${x}`
  const terms: string[] = []
  for (let i = 0; i < candidates(0); i++)
    for (let j = 0; j < candidates(1); j++) {
      const [row, col] = [window(y, 0, i), window(x, 1, j)]
      const at = [n, c, row.at, col.at]
      const taken = pass === 'put' ? [`${load('x1', index!.view, at)} == ${mine}`] : []
      const conditions = [...row.conditions, ...col.conditions, ...taken]
      terms.push(`s += ${conditions.join(' && ')} ? ${load('x0', g!.view, at)} : 0.0;`)
    }
  const sources = index ? [g!.source, index.source] : [g!.source]
  w.step(grid.sides, sources, `let s = 0.0; ${terms.join(' ')} return s;`)
}
