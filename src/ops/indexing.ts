import type { ConcatKernel, GatherKernel, ScatterKernel } from '../device/kernel.ts'
import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import {
  checkDType,
  type Draw,
  declareComposed,
  defineOp,
  type Params,
  type Sample,
} from '../graph/define.ts'
import { resolveDim, type Shape, sameShape } from '../shape.ts'
import { type AnyTensor, type DType, scalar, type Tensor } from '../tensor.ts'
import { where } from './elementwise.ts'

/** Arrays one kernel may read: what WebGPU binds, less the output. */
const MOST_PARTS = 7

const catOp = defineOp<readonly AnyTensor[], { dim: number }, DType>('cat', {
  takes: ['any'],
  gives: 'same',
  shape: (shapes, { dim }) =>
    shapes[0]!.map((n, d) => (d === dim ? shapes.reduce((sum, s) => sum + s[d]!, 0) : n)),
  forward: { kernel: (inputs, out, { dim }): ConcatKernel => ({ kind: 'concat', inputs, out, dim }) },
  vjp: (g, inputs, _, { dim }) => {
    let start = 0
    return inputs.map((x) => {
      const n = x.shape[dim]!
      const part = g.slice(g.shape.map((_, d) => (d === dim ? ([start, start + n] as const) : null)))
      start += n
      return part
    })
  },
  samples: (draw) => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    const part = () => ({ shape: shape.map((n, d) => (d === dim ? draw.size(5) : n)) })
    return {
      inputs: draw.pick([
        [part(), part()],
        [part(), part(), part()],
      ]),
      params: { dim },
    }
  },
})

/**
 * Tensors one after the other along `dim`; all other sizes must agree.
 *
 * @throws ShapeError where they do not, or where there is nothing to join.
 */
export function cat<D extends DType>(tensors: readonly Tensor<D>[], dim = 0): Tensor<D> {
  // PyTorch's oldest rule: a tensor of shape [0] joins anything.
  const filled = tensors.filter((t) => t.rank !== 1 || t.size > 0)
  const first = filled[0] ?? tensors[0]
  if (!first) throw new ShapeError('cat: nothing to join, got no tensors. Give at least one.')
  if (first.rank === 0)
    throw new ShapeError('cat: scalars have no dim to be joined along, got []. Use stack.')
  const along = resolveDim('cat', dim, first.shape)
  if (
    filled.some((t) => t.rank !== first.rank || t.shape.some((n, d) => d !== along && n !== first.shape[d]))
  )
    throw new ShapeError(
      `cat: sizes differ outside dim ${along}, got ${showAll(filled.map((t) => t.shape))}. Make all other sizes equal.`,
    )
  const parts = filled.filter((t) => t.shape[along]! > 0)
  if (parts.length <= 1) return parts[0] ?? first
  if (parts.length <= MOST_PARTS) return catOp(parts, { dim: along }) as Tensor<D>
  const groups = Array.from({ length: Math.ceil(parts.length / MOST_PARTS) }, (_, i) =>
    parts.slice(i * MOST_PARTS, (i + 1) * MOST_PARTS),
  )
  return cat(
    groups.map((group) => cat(group, along)),
    along,
  )
}

/** Tensors of equal shape side by side in a new dim. */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], dim = 0): Tensor<D> {
  const first = tensors[0]
  if (!first) throw new ShapeError('stack: nothing to join, got no tensors. Give at least one.')
  if (tensors.some((t) => !sameShape(t.shape, first.shape)))
    throw new ShapeError(
      `stack: shapes differ, got ${showAll(tensors.map((t) => t.shape))}. Make them equal.`,
    )
  const at = resolveDim('stack', dim, [...first.shape, 1])
  return cat(
    tensors.map((t) => t.unsqueeze(at)),
    at,
  )
}

const gatherOp = defineOp<[AnyTensor, Tensor<'int'>], { dim: number }, DType>('gather', {
  takes: ['any', 'int'],
  gives: 'same',
  shape: ([_, index]) => index,
  forward: { kernel: (inputs, out, { dim }): GatherKernel => ({ kind: 'gather', inputs, out, dim }) },
  vjp: (g, [x, index], _, { dim }) => [scatterAdd(scalarLike(x, 0), dim, index, g), null],
  samples: (draw) =>
    indexed(draw, ({ x, index, high }) => [{ shape: x }, { shape: index, dtype: 'int', low: 0, high }]),
})

/**
 * out[i, j] = x[index[i, j], j] for dim 0, x[i, index[i, j]] for dim 1, and so on.
 *
 * @throws ShapeError where the index has other dims or is larger outside `dim`.
 * @throws ValueError where an index known at build time is out of range.
 */
export function gather<D extends DType>(x: Tensor<D>, dim: number, index: Tensor<'int'>): Tensor<D> {
  const along = checkIndex('gather', x, dim, index)
  return gatherOp([x, index], { dim: along }) as Tensor<D>
}

const scatterOp =
  (mode: ScatterKernel['mode']) =>
  (inputs: ScatterKernel['inputs'], out: Shape, { dim }: { dim: number }): ScatterKernel => ({
    kind: 'scatter',
    mode,
    inputs,
    out,
    dim,
  })

const scatterAddOp = defineOp<[Tensor, Tensor<'int'>, Tensor], { dim: number }>('scatterAdd', {
  takes: ['float', 'int', 'float'],
  shape: ([x]) => x,
  forward: { kernel: scatterOp('add') },
  vjp: (g, [_, index], __, { dim }) => [g, null, gather(g, dim, index)],
  samples: (draw) =>
    indexed(draw, ({ x, index, high }) => [
      { shape: x },
      { shape: index, dtype: 'int', low: 0, high },
      { shape: index },
    ]),
})

/** x with every src[i, j] added at [index[i, j], j] for dim 0, at [i, index[i, j]] for dim 1, and so on. */
export function scatterAdd(x: Tensor, dim: number, index: Tensor<'int'>, src: Tensor): Tensor {
  const along = checkIndex('scatterAdd', x, dim, index)
  return scatterAddOp([x, index, fitting('scatterAdd', index, src)], { dim: along })
}

const scatterWriteOp = defineOp<[Tensor, Tensor<'int'>, Tensor], { dim: number }>('scatter', {
  takes: ['float', 'int', 'float'],
  shape: ([x]) => x,
  forward: { kernel: scatterOp('write') },
  vjp: (g, [x, index], _, { dim }) => {
    const written = scatterAdd(scalarLike(x, 0), dim, index, scalarLike(index, 1)).gt(0)
    return [where(written, 0, g), null, gather(g, dim, index)]
  },
  // Doubled places have no gradient of their own (PyTorch's neither): one index per line.
  samples: (draw) =>
    indexed(
      draw,
      ({ x, index, high }) => [{ shape: x }, { shape: index, dtype: 'int', low: 0, high }, { shape: index }],
      true,
    ),
})

/** x with every src[i, j] written at [index[i, j], j] for dim 0, at [i, index[i, j]] for dim 1, and so on; the last wins. */
export function scatter(x: Tensor, dim: number, index: Tensor<'int'>, src: Tensor | number): Tensor {
  const along = checkIndex('scatter', x, dim, index)
  const source = typeof src === 'number' ? scalarLike(index, src) : fitting('scatter', index, src)
  return scatterWriteOp([x, index, source], { dim: along })
}

function indexed(
  draw: Draw,
  inputs: (shapes: { x: Shape; index: Shape; high: number }) => Sample['inputs'],
  single = false,
): Sample {
  const x = draw.shape(1, 3)
  const dim = draw.int(0, x.length - 1)
  const index = x.map((n, d) => (d === dim ? (single ? 1 : draw.size(5)) : draw.int(1, n)))
  return { inputs: inputs({ x, index, high: x[dim]! - 1 }), params: { dim } }
}

const scalarLike = (like: AnyTensor, value: number): Tensor => scalar(value).expand(like.shape)

/** A source larger than the index is cut to it, as PyTorch does. */
function fitting(op: string, index: AnyTensor, src: Tensor): Tensor {
  if (src.rank !== index.rank || src.shape.some((n, d) => n < index.shape[d]!))
    throw new ShapeError(
      `${op}: src is smaller than index, got ${showAll([src.shape, index.shape])}. Make src at least as large in every dim.`,
    )
  return src.slice(index.shape.map((n) => [0, n]))
}

function checkIndex(op: string, x: AnyTensor, dim: number, index: Tensor<'int'>): number {
  const along = resolveDim(op, dim, x.shape)
  if (index.rank !== x.rank || index.shape.some((n, d) => d !== along && n > x.shape[d]!))
    throw new ShapeError(
      `${op}: the index does not fit, got ${showAll([index.shape, x.shape])} along dim ${along}. Give it as many dims, and no larger sizes outside dim ${along}.`,
    )
  checkRange(op, index, x.shape[along] ?? 1)
  return along
}

/** Indices that the host knows must be below `n`: a device reads whatever lies behind the end. */
export function checkRange(op: string, index: Tensor<'int'>, n: number): void {
  const bad = index.host?.find((i) => i < 0 || i >= n)
  if (bad !== undefined)
    throw new ValueError(
      `${op}: index ${bad} is out of range for size ${n}, got ${show(index.shape)}. Use 0 to ${n - 1}.`,
    )
}

const scatterMaskOp = defineOp<[Tensor<'int'>], Params, 'bool'>('scatterMask', {
  takes: ['int'],
  gives: 'bool',
  shape: ([rows]) => rows,
  forward: { expr: 'a == i1 ? 1.0 : 0.0' },
  vjp: null,
  samples: (draw) => ({ inputs: [{ shape: [draw.size(), draw.size()], dtype: 'int', low: 0, high: 6 }] }),
})

/**
 * The mask of the target class: labels [N] give a boolean [N, classes], set where the class is the label.
 *
 * @throws ValueError where a label known at build time is not in 0 to `classes` - 1.
 */
export function scatterMask(labels: Tensor<'int'>, classes: number): Tensor<'bool'> {
  if (!Number.isInteger(classes) || classes < 1)
    throw new ValueError(
      `scatterMask: classes must be a positive integer, got ${classes}. Give the number of classes.`,
    )
  checkDType('scatterMask', labels, 'int')
  checkRange('scatterMask', labels, classes)
  const rows = labels.reshape([labels.size, 1]).expand([labels.size, classes])
  return scatterMaskOp([rows], {}).reshape([...labels.shape, classes])
}

/** Labels [N] as rows [N, classes] of one 1 among zeros, ready to compute with. */
export const oneHot = (labels: Tensor<'int'>, classes: number): Tensor =>
  scatterMask(labels, classes).toFloat()

declareComposed(
  'stack',
  (draw) => {
    const shape = draw.shape(0, 3)
    return { inputs: [{ shape }, { shape }, { shape }], params: { dim: draw.int(0, shape.length) } }
  },
  (tensors, { dim }) => stack(tensors, dim as number),
)
declareComposed(
  'oneHot',
  (draw) => ({ inputs: [{ shape: draw.shape(0, 2), dtype: 'int', low: 0, high: 4 }] }),
  ([labels]) => oneHot(labels as AnyTensor as Tensor<'int'>, 5),
  false,
)
