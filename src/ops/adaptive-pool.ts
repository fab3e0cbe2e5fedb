import type { Pair } from '../device/kernel.ts'
import { ShapeError, show, ValueError } from '../errors.ts'
import { checkRank, type Draw, declareComposed } from '../graph/define.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { where } from './elementwise.ts'
import { indexSelect } from './lookup.ts'
import { avgPool2d, maxPool2d } from './pool.ts'

/** The size that a pooling shall give: one number for both, or [height, width]; null keeps a size as it is. */
export type OutputSize = number | readonly [height: number | null, width: number | null]

/** The windows along one dim: where each starts and ends, and the size of the largest. */
interface Cells {
  readonly start: readonly number[]
  readonly end: readonly number[]
  readonly widest: number
}

/** PyTorch's rule: window i of k covers floor(i n / k) up to ceil((i + 1) n / k); neighbours overlap where k does not divide n. */
function cellsOf(n: number, k: number): Cells {
  const start = Array.from({ length: k }, (_, i) => Math.floor((i * n) / k))
  const end = Array.from({ length: k }, (_, i) => Math.ceil(((i + 1) * n) / k))
  return { start, end, widest: Math.max(...start.map((from, i) => end[i]! - from)) }
}

/** The places of all windows one after the other; smaller ones repeat their last place up to the size of the largest. */
const placesOf = ({ start, end, widest }: Cells): Tensor<'int'> =>
  tensor(
    Int32Array.from(
      start.flatMap((from, i) => Array.from({ length: widest }, (_, t) => Math.min(from + t, end[i]! - 1))),
    ),
  )

/** For each of those places whether it is no repetition. */
const counted = ({ start, end, widest }: Cells): boolean[] =>
  start.flatMap((from, i) => Array.from({ length: widest }, (_, t) => from + t < end[i]!))

/**
 * Mean of each of H' x W' windows that cover the plane, as `torch.nn.functional.adaptive_avg_pool2d`: [N, C, H, W]
 * gives [N, C, H', W'].
 *
 * @throws ShapeError where x is not [N, C, H, W] or its plane is empty. @throws ValueError where a size is below 1.
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  const size = sizeFor('adaptiveAvgPool2d', x, outputSize)
  const whole = evenKernel(x, size)
  if (whole) return avgPool2d(x, whole)
  const { apart, rows, cols } = windowsApart(x, size)
  const [inRows, inCols] = [counted(rows), counted(cols)]
  const inside = tensor(inRows.map((r) => inCols.map((c) => r && c)))
  const sums = avgPool2d(where(inside, apart, 0), [rows.widest, cols.widest], { divisorOverride: 1 })
  const count = ({ start, end }: Cells) => end.map((to, i) => to - start[i]!)
  return sums.div(tensor(count(rows).map((r) => count(cols).map((c) => r * c))))
}

/**
 * Largest element of each of H' x W' windows that cover the plane, as `torch.nn.functional.adaptive_max_pool2d`:
 * [N, C, H, W] gives [N, C, H', W']. The first of several equal ones gets the gradient.
 *
 * @throws ShapeError where x is not [N, C, H, W] or its plane is empty. @throws ValueError where a size is below 1.
 */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  const size = sizeFor('adaptiveMaxPool2d', x, outputSize)
  const whole = evenKernel(x, size)
  if (whole) return maxPool2d(x, whole)
  // A repetition comes after what it repeats, so it never takes the gradient.
  const { apart, rows, cols } = windowsApart(x, size)
  return maxPool2d(apart, [rows.widest, cols.widest])
}

/** The kernel of the plain pooling that this is where the sizes divide; null where they do not. */
function evenKernel({ shape }: Tensor, [rows, cols]: Pair): Pair | null {
  const [h, w] = [shape[2]!, shape[3]!]
  return h % rows === 0 && w % cols === 0 ? [h / rows, w / cols] : null
}

/** The windows laid out side by side, all of one size, so that a plain pooling can take them. */
function windowsApart(x: Tensor, size: Pair): { apart: Tensor; rows: Cells; cols: Cells } {
  const rows = cellsOf(x.shape[2]!, size[0])
  const cols = cellsOf(x.shape[3]!, size[1])
  return { apart: indexSelect(indexSelect(x, 2, placesOf(rows)), 3, placesOf(cols)), rows, cols }
}

function sizeFor(op: string, x: Tensor, outputSize: OutputSize): Pair {
  checkRank(op, x.shape, [4], 'an input [N, C, H, W]')
  const [h, w] = [x.shape[2]!, x.shape[3]!]
  if (h === 0 || w === 0)
    throw new ShapeError(`${op}: the plane is empty, got ${show(x.shape)}. Give at least one row and column.`)
  const [rows, cols] = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize
  const size: Pair = [rows ?? h, cols ?? w]
  if (size.some((n) => !Number.isInteger(n) || n < 1))
    throw new ValueError(
      `${op}: the output size must be positive integers, got ${show(size)}. Give one number or [height, width].`,
    )
  return size
}

const samples = (distinct: boolean) => (draw: Draw) => ({
  inputs: [{ shape: [draw.size(2), draw.size(3), draw.size(8), draw.size(8)], distinct }],
  params: { outputSize: [draw.int(1, 5), draw.int(1, 5)] },
})

declareComposed('adaptiveAvgPool2d', samples(false), ([x], { outputSize }) =>
  adaptiveAvgPool2d(x!, outputSize as Pair),
)
declareComposed('adaptiveMaxPool2d', samples(true), ([x], { outputSize }) =>
  adaptiveMaxPool2d(x!, outputSize as Pair),
)
