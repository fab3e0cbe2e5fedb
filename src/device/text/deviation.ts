import type { DeviationKernel } from '../kernel.ts'
import { gridOf, load } from './grid.ts'
import { buffersOf, loop, type Writer } from './text.ts'

/**
 * Welford's recurrence: one pass keeps a running mean `m` and the squares `q` of the deviations from it, so that a mean
 * far from 0 costs no digits and equal elements give 0 exactly. `e` carries what each addition to `q` rounds away; the
 * comparison is for compilers, as in sums (reduce.ts).
 */
export function writeDeviation(w: Writer, kernel: DeviationKernel): void {
  const { source, view } = buffersOf(kernel)[0]!
  const n = view.shape.at(-1)!
  const { sides, coords } = gridOf(kernel.out, w.limits)
  const read = (at: string) => load('x0', view, [...coords, at])
  const step = `let v = ${read('r')}; c += 1.0; let d = v - m; m += d / c; let t = d * (v - m) - e; let z = t < 3.0e38 ? q + t : t; e = (z - q) - t; q = z;`
  const first = n === 0 ? '0.0' : read('0')
  w.step(
    sides,
    [source],
    `let m = ${first}; let c = 0.0; let q = 0.0; let e = 0.0; ${loop('r', n, step)} return q;`,
  )
}
