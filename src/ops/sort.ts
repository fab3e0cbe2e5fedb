import type { ArgsortKernel } from '../device/kernel.ts'
import { show, ValueError } from '../errors.ts'
import { checkDType, type Draw, declareComposed, defineOp, type Sample } from '../graph/define.ts'
import { resolveDim } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { gather } from './indexing.ts'

type Order = { readonly dim: number; readonly descending: boolean; readonly keep: number }

const line = (draw: Draw): Sample & { params: { dim: number } } => {
  const shape = draw.shape(1, 3)
  return { inputs: [{ shape, distinct: true }], params: { dim: draw.int(0, shape.length - 1) } }
}

const argsortOp = defineOp<[Tensor], Order, 'int'>('argsort', {
  gives: 'int',
  shape: ([x], { dim, keep }) => x.map((n, d) => (d === dim ? keep : n)),
  forward: {
    kernel: (inputs, out, { dim, descending }): ArgsortKernel => ({
      kind: 'argsort',
      inputs,
      out,
      dim,
      descending,
    }),
  },
  vjp: null,
  samples: (draw) => {
    const { inputs, params } = line(draw)
    const n = inputs[0]!.shape[params.dim]!
    return {
      inputs,
      params: { ...params, descending: draw.pick([true, false]), keep: draw.int(1, n) },
    }
  },
})

/** Elements in order, and where along the dim each of them stood. */
export interface Sorted {
  readonly values: Tensor
  readonly indices: Tensor<'int'>
}

function ordered(x: Tensor, { dim, descending, keep }: Order): Sorted {
  const listed = x.rank === 0 ? x.reshape([1]) : x
  const at = argsortOp([listed], { dim, descending, keep })
  const values = gather(listed, dim, at)
  return x.rank === 0 && keep === 1
    ? { values: values.reshape([]), indices: at.reshape([]) }
    : { values, indices: at }
}

/**
 * Elements in order along `dim`, smallest first unless `descending`, as `torch.sort`: values and indices have x's shape.
 * Equal elements keep their order; NaN counts as the largest. Counts for every element of a line of n those before it:
 * n^2 comparisons, all at once.
 *
 * @throws ShapeError where the dim is out of range.
 */
export function sort(x: Tensor, dim = -1, descending = false): Sorted {
  checkDType('sort', x, 'float')
  const along = resolveDim('sort', dim, x.shape)
  return ordered(x, { dim: along, descending, keep: x.shape[along] ?? 1 })
}

/**
 * The `k` largest elements along `dim`, largest first (or the `k` smallest, smallest first), as `torch.topk`: values and
 * indices have size k along the dim. Of equal elements the first ones are taken; NaN counts as the largest.
 *
 * @throws ShapeError where the dim is out of range. @throws ValueError where there are not `k` elements.
 */
export function topk(x: Tensor, k: number, dim = -1, largest = true): Sorted {
  checkDType('topk', x, 'float')
  const along = resolveDim('topk', dim, x.shape)
  const n = x.shape[along] ?? 1
  if (!Number.isInteger(k) || k < 0 || k > n)
    throw new ValueError(
      `topk: k must be an integer from 0 to ${n}, got ${k} for ${show(x.shape)} along dim ${along}. Choose fewer.`,
    )
  return ordered(x, { dim: along, descending: largest, keep: k })
}

declareComposed(
  'sort',
  (draw) => {
    const { inputs, params } = line(draw)
    return { inputs, params: { ...params, descending: draw.pick([true, false]) } }
  },
  ([x], { dim, descending }) => sort(x!, dim as number, descending as boolean).values,
)
declareComposed(
  'topk',
  (draw) => {
    const { inputs, params } = line(draw)
    const k = draw.int(1, inputs[0]!.shape[params.dim]!)
    return { inputs, params: { ...params, k, largest: draw.pick([true, false]) } }
  },
  ([x], { k, dim, largest }) => topk(x!, k as number, dim as number, largest as boolean).values,
)
