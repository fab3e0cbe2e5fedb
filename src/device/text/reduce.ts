import type { ReduceKernel } from '../kernel.ts'
import { gridOf, load, parted } from './grid.ts'
import { buffersOf, inEights, loop, type Writer } from './text.ts'

/** One output cell per kept element, looping over the reduced dims. */
export function writeReduce(w: Writer, kernel: ReduceKernel): void {
  const { source, view } = buffersOf(kernel)[0]!
  const { outer, inner, views } = parted(view.shape, [view], kernel.dims)
  const { sides, coords } = gridOf(outer, w.limits)
  const read = (at: readonly string[]) => load('x0', views[0]!, [...coords, ...at])
  const { body, result } = accumulation(kernel.op, inner, read)
  w.step(sides, [source], `${body} return ${result};`)
}

/** The statements of a reduction over `sizes`, and the expression of what they come to. */
export interface Accumulation {
  readonly body: string
  readonly result: string
}

/**
 * Reduces `read(coordinates)` over `sizes`. Where reading takes statements of its own, `read` keeps them back, and
 * `before` hands over those that the next expression needs; `long` says that they are many.
 */
export const accumulation = (
  op: ReduceKernel['op'],
  sizes: readonly number[],
  read: (at: string[]) => string,
  before: () => string = () => '',
  long = false,
): Accumulation =>
  op === 'sum' ? compensatedSum(sizes, read, before, long) : extreme(op, sizes, read, before)

/**
 * Kahan's sum: `e` carries what each addition to `s` rounds away, so that the error does not grow with the length.
 * Beside it runs a plain sum, which is the answer where an infinity makes the carried part NaN. The comparison changes
 * nothing: without it Mesa's compiler takes (s + y) - s for y, and carries 0.
 */
function compensatedSum(
  sizes: readonly number[],
  read: (at: string[]) => string,
  before: () => string,
  long: boolean,
): Accumulation {
  let names = 0
  const sum = (dims: readonly number[], use: (coords: string[]) => string) => {
    const tag = names++
    const at = dims.map((_, d) => `r${tag}${d}`)
    const term = use(at)
    const step = `${before()} let t${tag} = ${term}; u += t${tag}; let y${tag} = t${tag} - e; let z${tag} = y${tag} < 3.0e38 ? s + y${tag} : y${tag}; e = (z${tag} - s) - y${tag}; s = z${tag};`
    return dims.reduceRight((inner, n, d) => loop(at[d]!, n, inner), step)
  }
  const body = inEights(sizes, read, sum, long)
  return { body: `let s = 0.0; let e = 0.0; let u = 0.0; ${body}`, result: '(Math.abs(s) < 3.0e38 ? s : u)' }
}

/** The first extreme, or its place. NaN counts as the most extreme of all, as in PyTorch. */
function extreme(
  op: 'max' | 'min' | 'argmax' | 'argmin',
  sizes: readonly number[],
  read: (at: string[]) => string,
  before: () => string,
): Accumulation {
  const places = op === 'argmax' || op === 'argmin'
  const beats = op === 'max' || op === 'argmax' ? '>' : '<'
  const at = sizes.map((_, d) => `r${d}`)
  const isNumber = (v: string) => `(${v} < 0.0 || ${v} >= 0.0)`
  const better = `(v ${beats} m || !${isNumber('v')}) && ${isNumber('m')} ? 1.0 : 0.0`
  const place = at[0] ?? '0'
  const value = read(at)
  const step = `${before()} let v = ${value}; let t = ${better}; m = t > 0.5 ? v : m;${places ? ` k = k + t * (${place} - k);` : ''}`
  const loops = sizes.reduceRight((body, n, d) => loop(`r${d}`, n, body), step)
  const first = read(sizes.map(() => '0'))
  const start = `${before()} let m = ${first};${places ? ' let k = 0.0;' : ''}`
  return { body: `${start} ${loops}`, result: places ? 'k' : 'm' }
}
