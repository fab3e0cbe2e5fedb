import type { MatmulKernel } from '../kernel.ts'
import { gridOf, load } from './grid.ts'
import { buffersOf, type Operand, sumUnrolled, type Writer } from './text.ts'

/** One output element per thread: neighbours in x read neighbours of b and share one element of a. */
export function writeMatmul(w: Writer, kernel: MatmulKernel): void {
  const [a, b] = buffersOf(kernel) as [Operand, Operand]
  const { sides, coords } = gridOf(kernel.out, w.limits)
  const batch = coords.slice(0, -2)
  const [row, col] = coords.slice(-2) as [string, string]
  const inner = a.view.shape.at(-1)!
  const product = (k: string) =>
    `${load('x0', a.view, [...batch, row, k])} * ${load('x1', b.view, [...batch, k, col])}`
  w.step(sides, [a.source, b.source], `let s = 0.0; ${sumUnrolled([inner], ([k]) => product(k!))} return s;`)
}
