import type { MatmulKernel } from '../kernel.ts'
import { gridOf, load } from './grid.ts'
import { buffersOf, sumLoops, type Writer } from './text.ts'

/** Products added in one statement: the loop's own cost is shared, and the error of the sum shrinks. */
const UNROLL = 8

/** One output element per thread: neighbours in x read neighbours of b and share one element of a. */
export function writeMatmul(w: Writer, kernel: MatmulKernel): void {
  const [a, b] = buffersOf(kernel) as [ReturnType<typeof buffersOf>[0], ReturnType<typeof buffersOf>[0]]
  const { sides, coords } = gridOf(kernel.out, w.limits)
  const batch = coords.slice(0, -2)
  const [row, col] = coords.slice(-2) as [string, string]
  const inner = a.view.shape.at(-1)!
  const product = (k: string) =>
    `${load('x0', a.view, [...batch, row, k])} * ${load('x1', b.view, [...batch, k, col])}`
  const whole = Math.floor(inner / UNROLL)
  const unrolled = (k: string) =>
    Array.from({ length: UNROLL }, (_, j) => product(`(${k} * ${UNROLL} + ${j})`)).join(' + ')
  const rest = Array.from(
    { length: inner % UNROLL },
    (_, j) => `s += ${product(String(whole * UNROLL + j))};`,
  )
  const main = whole > 0 ? sumLoops('s', [whole], ([k]) => `(${unrolled(k!)})`) : ''
  w.step(sides, [a.source, b.source], `let s = 0.0; ${main} ${rest.join(' ')} return s;`)
}
