import type { GatherKernel, ScatterKernel } from '../kernel.ts'
import { checkExact, gridOf, load, reach } from './grid.ts'
import { buffersOf, loop, type Writer } from './text.ts'

/** out[..., i, ...] = x[..., index[..., i, ...], ...] */
export function writeGather(w: Writer, kernel: GatherKernel): void {
  const [x, index] = buffersOf(kernel)
  checkExact('gather', reach(x!.view), w.limits)
  const { sides, coords } = gridOf(kernel.out, w.limits)
  const chosen = load('x1', index!.view, coords)
  // The chosen coordinate must reach the address even where the dim has size 1 and would be left out.
  const at = coords.map((c, d) => (d === kernel.dim ? chosen : c))
  w.step(sides, [x!.source, index!.source], `return ${load('x0', x!.view, at)};`)
}

/** Without atomics a thread cannot write where it likes: each cell looks through the indices of its line for itself. */
export function writeScatter(w: Writer, kernel: ScatterKernel): void {
  const [x, index, src] = buffersOf(kernel)
  const { dim } = kernel
  const { sides, coords } = gridOf(kernel.out, w.limits)
  const at = coords.map((c, d) => (d === dim ? 'r' : c))
  const inside = coords.flatMap((c, d) =>
    d !== dim && index!.view.shape[d]! < kernel.out[d]! ? [`${c} < ${index!.view.shape[d]}`] : [],
  )
  const mine = [...inside, `${load('x1', index!.view, at)} == ${coords[dim]}`].join(' && ')
  const value = load('x2', src!.view, at)
  const update = kernel.mode === 'add' ? `v += ${mine} ? ${value} : 0.0;` : `v = ${mine} ? ${value} : v;`
  const body = loop('r', index!.view.shape[dim]!, update)
  w.step(
    sides,
    [x!.source, index!.source, src!.source],
    `let v = ${load('x0', x!.view, coords)}; ${body} return v;`,
  )
}
