import type { DeviationKernel } from '../device/kernel.ts'
import { ShapeError, show, ValueError } from '../errors.ts'
import { type Draw, declareComposed, defineOp, type Sample } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import { reducedShape, resolveDims } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { eq, ne, where } from './elementwise.ts'
import { amax, amin, type Dims, dropped, linesOver, mean, sum } from './reduce.ts'

const squaredDeviationsOp = defineOp<[Tensor]>('squaredDeviations', {
  shape: ([x]) => x.slice(0, -1),
  forward: { kernel: (inputs, out): DeviationKernel => ({ kind: 'deviation', inputs, out }) },
  vjp: (g, [x]) => [deviations(x).mul(g.unsqueeze(-1).mul(2))],
  samples: (draw) => ({ inputs: [{ shape: draw.shape(1, 4) }] }),
})

/** x less its mean over the last dim. */
function deviations(x: Tensor): Tensor {
  // Taking a first element off leaves the rounding of a large mean behind, and exact zeros where all are equal.
  const first = x.detach().slice(x.shape.map((_, d) => (d === x.rank - 1 ? [0, 1] : null)))
  const shifted = x.sub(first)
  return shifted.sub(mean(shifted, -1, true))
}

/** The dims asked for as one last dim, the variance over it, and what the sum of squares was divided by. */
function spread(name: string, x: Tensor, dims: Dims, unbiased: boolean) {
  const over = resolveDims(name, dims, x.shape)
  const lines = linesOver(x, over)
  const count = Math.max(0, lines.shape.at(-1)! - Number(unbiased))
  return { over, lines, count, variance: squaredDeviationsOp([lines], {}).div(count) }
}

/**
 * Variance over `dims` (all of them where left out), as `torch.var`: x [..., n, ...] gives [..., 1, ...] with `keepdim`,
 * else drops the dims. Divides by n - 1 where `unbiased`, else by n; NaN for 0 / 0, as PyTorch. Exported as `var`.
 *
 * @throws ShapeError where a dim is out of range or named twice.
 */
export function variance(x: Tensor, dims?: Dims, unbiased = true, keepdim = false): Tensor {
  const { over, variance } = spread('var', x, dims, unbiased)
  return variance.reshape(reducedShape(x.shape, over, keepdim))
}

export { variance as var }

/**
 * Standard deviation over `dims` (all of them where left out), as `torch.std`; shapes and arguments as `var`. Where all
 * elements are equal it is 0 with gradient 0.
 *
 * @throws ShapeError where a dim is out of range or named twice.
 */
export function std(x: Tensor, dims?: Dims, unbiased = true, keepdim = false): Tensor {
  const { over, lines, count, variance } = spread('std', x, dims, unbiased)
  const y: Tensor = withGradient('std', variance.sqrt(), [lines], (g) => [
    // A deviation of 0 has zeros in front of it: any divisor but 0 will do.
    deviations(lines)
      .mul(g.div(where(eq(y, 0), 1, y)).unsqueeze(-1))
      .div(count),
  ])
  return y.reshape(reducedShape(x.shape, over, keepdim))
}

/**
 * The p-norm over `dims` (all of them where left out) taken as one vector, as `torch.linalg.vector_norm`:
 * sum(|x|^p)^(1/p), the largest |x| for Infinity, the smallest for -Infinity, the number of non-zeros for 0. The gradient
 * at a zero vector is 0, and elements that tie for the extreme share theirs.
 *
 * @throws ValueError where p is not a number.
 * @throws ShapeError where a dim is out of range or named twice, or where a negative or infinite p has no elements.
 */
export function norm(x: Tensor, p = 2, dims?: Dims, keepdim = false): Tensor {
  if (typeof p !== 'number' || Number.isNaN(p))
    throw new ValueError(
      `norm: p must be a number, got ${p}. Use 2 for the Euclidean norm, Infinity for the largest.`,
    )
  const over = resolveDims('norm', dims, x.shape)
  if ((p < 0 || p === Infinity) && over.some((d) => x.shape[d] === 0))
    throw new ShapeError(
      `norm: the ${p}-norm of no elements does not exist, got ${show(x.shape)} over dims ${show(over)}. Check the batch.`,
    )
  return dropped(normOver(x, p, over), x, over, keepdim)
}

function normOver(x: Tensor, p: number, over: readonly number[]): Tensor {
  if (p === 0) return sum(ne(x, 0).toFloat(), over, true)
  if (p === 1) return sum(x.abs(), over, true)
  if (p === Infinity) return amax(x.abs(), over, true)
  if (p === -Infinity) return amin(x.abs(), over, true)
  if (p === 2) {
    const y: Tensor = withGradient('norm', sum(x.square(), over, true).sqrt(), [x], (g) => [
      x.mul(g.div(where(eq(y, 0), 1, y))),
    ])
    return y
  }
  const size = x.abs()
  const total = sum(size.pow(p), over, true)
  const y: Tensor = withGradient('norm', total.pow(1 / p), [x], (g) => {
    // Zeros get no gradient, where 0^(p - 1) may be infinite. With a negative p the norm is 0 as soon as one element is,
    // and no other one moves it.
    const slope = where(eq(x, 0), 1, size)
      .pow(p - 1)
      .mul(x.sign())
    const length = p > 0 ? where(eq(y, 0), 1, y) : y
    return [slope.mul(g.mul(length.pow(1 - p)))]
  })
  return y
}

/** Clear of the kink at 0, on either side of it. */
const awayFromZero = (draw: Draw) =>
  draw.pick([
    { low: 0.3, high: 3, distinct: true },
    { low: -3, high: -0.3, distinct: true },
  ])

/** At least two elements per reduced line, so that there is a deviation. */
const alongSpread = (draw: Draw): Sample => {
  const shape = draw.shape(1, 3)
  const dim = draw.int(0, shape.length - 1)
  return {
    inputs: [{ shape: shape.map((n, d) => (d === dim ? n + 2 : n)), distinct: true }],
    params: { dims: draw.pick([[dim], shape.map((_, d) => d)]), unbiased: draw.pick([true, false]) },
  }
}

declareComposed('var', alongSpread, ([x], { dims, unbiased }) =>
  variance(x!, dims as number[], unbiased as boolean),
)
declareComposed('std', alongSpread, ([x], { dims, unbiased }) =>
  std(x!, dims as number[], unbiased as boolean),
)
declareComposed(
  'norm',
  (draw): Sample => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    return {
      inputs: [{ shape, ...awayFromZero(draw) }],
      params: {
        p: draw.pick([2, 1, 3, 1.5, 0.5, -1, Infinity, -Infinity]),
        dims: draw.pick([[dim], shape.map((_, d) => d)]),
      },
    }
  },
  ([x], { p, dims }) => norm(x!, p as number, dims as number[]),
)
