import { type Draw, declareComposed, type Sample } from '../graph/define.ts'
import { resolveDim } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { add, mul } from './elementwise.ts'
import { cat } from './indexing.ts'

/**
 * Running totals along `dim` by doubling: after k rounds every element stands for up to 2^k of its predecessors. A few
 * rounds of elementwise work where one thread per element would walk the whole line, and derivatives of any order for
 * free: nothing is divided out again, so zeros do no harm.
 */
function scanned(x: Tensor, dim: number, combine: (a: Tensor, b: Tensor) => Tensor): Tensor {
  if (x.rank === 0) return x
  const n = x.shape[dim]!
  const part = (y: Tensor, from: number, to: number) =>
    y.slice(y.shape.map((_, d) => (d === dim ? [from, to] : null)))
  let y = x
  for (let reach = 1; reach < n; reach *= 2)
    y = cat([part(y, 0, reach), combine(part(y, reach, n), part(y, 0, n - reach))], dim)
  return y
}

/**
 * Sums of all elements up to each place along `dim`, as `torch.cumsum`; the shape stays.
 *
 * @throws ShapeError where the dim is out of range.
 */
export const cumsum = (x: Tensor, dim: number): Tensor => scanned(x, resolveDim('cumsum', dim, x.shape), add)

/**
 * Products of all elements up to each place along `dim`, as `torch.cumprod`; the shape stays. The gradient holds with
 * zeros among the elements.
 *
 * @throws ShapeError where the dim is out of range.
 */
export const cumprod = (x: Tensor, dim: number): Tensor =>
  scanned(x, resolveDim('cumprod', dim, x.shape), mul)

const alongOne = (draw: Draw): Sample => {
  const shape = draw.shape(1, 3)
  return { inputs: [{ shape }], params: { dim: draw.int(0, shape.length - 1) } }
}

declareComposed('cumsum', alongOne, ([x], { dim }) => cumsum(x!, dim as number))
declareComposed('cumprod', alongOne, ([x], { dim }) => cumprod(x!, dim as number))
