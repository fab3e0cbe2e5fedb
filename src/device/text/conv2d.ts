import type { Shape } from '../../shape.ts'
import { contiguous, padView, reshapeView } from '../../view.ts'
import type { Conv2dKernel, Pair } from '../kernel.ts'
import { gridOf, load, quotient, remainder } from './grid.ts'
import { added, buffersOf, type Operand, sumLoops, sumUnrolled, type Writer } from './text.ts'

/** Each pass pads its plane first, so that the loops themselves need no bounds tests. */
export function writeConv2d(w: Writer, kernel: Conv2dKernel): void {
  const [first, second] = buffersOf(kernel) as [Operand, Operand]
  if (kernel.pass === 'forward') forward(w, kernel, first, second)
  else if (kernel.pass === 'inputGrad') inputGrad(w, kernel, first, second)
  else weightGrad(w, kernel, first, second)
}

/** Zeros around the two plane dims (negative: crop), as elements in order. */
function padded(w: Writer, { source, view }: Operand, rows: Pair, cols: Pair): Operand {
  const wide = padView(view, [[0, 0], [0, 0], rows, cols])
  return { source: w.compact(source, wide), view: contiguous(wide.shape) }
}

function compact(w: Writer, { source, view }: Operand): Operand {
  return { source: w.compact(source, view), view: contiguous(view.shape) }
}

const around = ([h, wd]: Pair): [Pair, Pair] => [
  [h, h],
  [wd, wd],
]

/** Taps up to this many are written out; more become loops. */
const UNROLLED_TAPS = 25

/** Adds `term(channel, kh, kw)` over channels and taps to `s`. */
function overTaps(
  channels: number,
  [kH, kW]: Pair,
  term: (c: string, kh: string, kw: string) => string,
): string {
  if (kH * kW > UNROLLED_TAPS) return sumLoops('s', [channels, kH, kW], ([c, kh, kw]) => term(c!, kh!, kw!))
  const taps = Array.from({ length: kH * kW }, (_, k) => [Math.floor(k / kW), k % kW] as const)
  return sumLoops('s', [channels], ([c]) => added(taps.map(([kh, kw]) => term(c!, `${kh}`, `${kw}`))))
}

const scaled = (coord: string, factor: number) =>
  coord === '0'
    ? '0'
    : factor === 1
      ? coord
      : /^\d+$/.test(coord)
        ? String(Number(coord) * factor)
        : `${coord} * ${factor}`

const plus = (a: string, b: string) => (a === '0' ? b : b === '0' ? a : `(${a} + ${b})`)

/** The first channel of the group that output channel `o` belongs to. */
const groupStart = (o: string, outChannels: number, groups: number, perGroup: number) =>
  groups === 1 ? '0' : scaled(quotient(o, outChannels / groups, outChannels), perGroup)

function forward(
  w: Writer,
  { out, stride, padding, dilation, groups }: Conv2dKernel,
  x: Operand,
  weight: Operand,
): void {
  const image = padded(w, x, ...around(padding))
  const taps = compact(w, weight)
  const [outChannels, perGroup, kH, kW] = taps.view.shape as [number, number, number, number]
  const { sides, coords } = gridOf(out, w.limits)
  const [n, o, y, col] = coords as [string, string, string, string]
  const start = groupStart(o, outChannels, groups, perGroup)
  const term = (c: string, kh: string, kw: string) => {
    const at = [
      n,
      plus(start, c),
      plus(scaled(y, stride[0]), scaled(kh, dilation[0])),
      plus(scaled(col, stride[1]), scaled(kw, dilation[1])),
    ]
    return `${load('x0', image.view, at)} * ${load('x1', taps.view, [o, c, kh, kw])}`
  }
  w.step(sides, [image.source, taps.source], `let s = 0.0; ${overTaps(perGroup, [kH, kW], term)} return s;`)
}

/** The forward pass run backwards: dy spread by the stride among zeros, then correlated with the turned kernel. */
function inputGrad(w: Writer, kernel: Conv2dKernel, dy: Operand, weight: Operand): void {
  const { out, stride, padding, dilation, groups } = kernel
  const taps = compact(w, weight)
  const [outChannels, perGroup, kH, kW] = taps.view.shape as [number, number, number, number]
  const apart = spread(w, dy, stride)
  const reach: Pair = [dilation[0] * (kH - 1), dilation[1] * (kW - 1)]
  const sides2 = [0, 1].map((d): Pair => {
    const before = reach[d]! - padding[d]!
    return [before, out[2 + d]! + reach[d]! - before - apart.view.shape[2 + d]!]
  }) as [Pair, Pair]
  const image = padded(w, apart, ...sides2)
  const { sides, coords } = gridOf(out, w.limits)
  const [n, c, y, col] = coords as [string, string, string, string]
  const group = quotient(c, perGroup, out[1]!)
  const outPerGroup = outChannels / groups
  const first = groups === 1 ? '0' : scaled(group, outPerGroup)
  const within = groups === 1 ? c : `(${c} - ${group} * ${perGroup})`
  const term = (k: string, kh: string, kw: string) => {
    const o = plus(first, k)
    const turned = (tap: string, size: number, factor: number) =>
      /^\d+$/.test(tap) ? String((size - 1 - Number(tap)) * factor) : `(${size - 1} - ${tap}) * ${factor}`
    const at = [n, o, plus(y, turned(kh, kH, dilation[0])), plus(col, turned(kw, kW, dilation[1]))]
    return `${load('x0', image.view, at)} * ${load('x1', taps.view, [o, within, kh, kw])}`
  }
  w.step(
    sides,
    [image.source, taps.source],
    `let s = 0.0; ${overTaps(outPerGroup, [kH, kW], term)} return s;`,
  )
}

/** Rows and columns `stride` apart, zeros between. */
function spread(w: Writer, dy: Operand, [sH, sW]: Pair): Operand {
  if (sH === 1 && sW === 1) return dy
  const { source, view } = compact(w, dy)
  const [n, c, h, wd] = view.shape as [number, number, number, number]
  const apart = reshapeView(view, [n, c, h, 1, wd, 1])!
  const gaps = padView(apart, [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, sH - 1],
    [0, 0],
    [0, sW - 1],
  ])
  return { source: w.copy(source, gaps), view: contiguous([n, c, h * sH, wd * sW]) }
}

/**
 * Sums over samples and output rows per output column, so that neighbouring threads read neighbouring elements; a
 * second step adds the columns up.
 */
function weightGrad(w: Writer, kernel: Conv2dKernel, dy: Operand, x: Operand): void {
  const { out, stride, padding, dilation, groups } = kernel
  const g = compact(w, dy)
  const image = padded(w, x, ...around(padding))
  const [n, outChannels, rows, cols] = g.view.shape as [number, number, number, number]
  const [, perGroup, kH, kW] = out as [number, number, number, number]
  // Rows of taps are as wide as the next power of two: a shift finds the tap where a division would cost more than
  // the product. What the extra places hold is never read.
  const width = 2 ** Math.ceil(Math.log2(kW))
  const partial: Shape = [outChannels, perGroup, kH, width, cols]
  const grid: Shape = [outChannels * perGroup, kH * width, cols]
  const { sides, coords } = gridOf(grid, w.limits)
  const [pair, tap, col] = coords as [string, string, string]
  const o = quotient(pair, perGroup, grid[0]!)
  const c = remainder(pair, perGroup, grid[0]!)
  const kh = quotient(tap, width, grid[1]!)
  const kw = remainder(tap, width, grid[1]!)
  const start = groupStart(o, outChannels, groups, perGroup)
  const body = sumUnrolled([n, rows], ([i, y]) => {
    const at = [
      i!,
      plus(start, c),
      plus(scaled(y!, stride[0]), scaled(kh, dilation[0])),
      plus(scaled(col, stride[1]), scaled(kw, dilation[1])),
    ]
    return `${load('x0', g.view, [i!, o, y!, col])} * ${load('x1', image.view, at)}`
  })
  const columns = w.step(sides, [g.source, image.source], `let s = 0.0; ${body} return s;`)

  const total = gridOf(out, w.limits)
  const sum = sumUnrolled([cols], ([r]) => load('x0', contiguous(partial), [...total.coords, r!]))
  w.step(total.sides, [columns], `let s = 0.0; ${sum} return s;`)
}
