import { contiguous } from '../../view.ts'
import type { ArgsortKernel } from '../kernel.ts'
import { gridOf, load } from './grid.ts'
import { buffersOf, loop, type Writer } from './text.ts'

/**
 * Two steps: every element counts those of its line that come before it, which is its rank; then every place looks for
 * the element of its rank. Quadratic in the line, but without local arrays or writes by address, so it runs everywhere.
 */
export function writeArgsort(w: Writer, { inputs, out, dim, descending, kind }: ArgsortKernel): void {
  const { source, view } = buffersOf({ kind, inputs, out, dim, descending })[0]!
  const n = view.shape[dim]!
  const along = (coords: readonly string[]) => coords.map((c, d) => (d === dim ? 'r' : c))

  const all = gridOf(view.shape, w.limits)
  const isNumber = (v: string) => `(${v} < 0.0 || ${v} >= 0.0)`
  // NaN is larger than every number and equal to itself. Stable: of equals the one that stood first is first.
  const sooner = descending
    ? `${isNumber('v')} && (u > v || !${isNumber('u')})`
    : `${isNumber('u')} && (u < v || !${isNumber('v')})`
  const equal = `(u == v || (!${isNumber('u')} && !${isNumber('v')}))`
  const before = `(${sooner}) || (${equal} && r < ${all.coords[dim]})`
  const count = `let u = ${load('x0', view, along(all.coords))}; c += ${before} ? 1.0 : 0.0;`
  const ranks = w.step(
    all.sides,
    [source],
    `let v = ${load('x0', view, all.coords)}; let c = 0.0; ${loop('r', n, count)} return c;`,
  )

  const { sides, coords } = gridOf(out, w.limits)
  const rank = load('x0', contiguous(view.shape), along(coords))
  const find = `let t = ${rank} == ${coords[dim]} ? 1.0 : 0.0; k = k + t * (r - k);`
  w.step(sides, [ranks], `let k = 0.0; ${loop('r', n, find)} return k;`)
}
