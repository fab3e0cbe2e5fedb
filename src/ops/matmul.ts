import type { MatmulKernel } from '../device/kernel.ts'
import { ShapeError, showAll } from '../errors.ts'
import { declareComposed, defineOp } from '../graph/define.ts'
import { broadcastShapes, type Shape, sameShape } from '../shape.ts'
import { noParams, type Tensor } from '../tensor.ts'
import { expand } from './movement.ts'

const matmulOp = defineOp<[Tensor, Tensor]>('matmul', {
  shape: ([a, b]) => [...a.slice(0, -1), b.at(-1)!],
  forward: { kernel: (inputs, out): MatmulKernel => ({ kind: 'matmul', inputs, out }) },
  vjp: (g, [a, b]) => [g.matmul(b.transpose()), a.transpose().matmul(g)],
  samples: (draw) => {
    const [m, k, n] = [draw.size(), draw.size(), draw.size()]
    const batch = draw.pick([[], [draw.size(4)], [2, 3]])
    return { inputs: [{ shape: [...batch, m, k] }, { shape: [...batch, k, n] }] }
  },
})

/**
 * Matrix product [..., M, K] x [..., K, N] = [..., M, N]; batch dims broadcast. A vector on the left is a row, on the
 * right a column, and its dim is dropped again.
 *
 * @throws ShapeError where the inner sizes differ or a tensor has no dims.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.rank === 0 || b.rank === 0)
    throw mismatch('a scalar has no rows', a.shape, b.shape, 'Use mul to scale.')
  if (a.rank === 1) return matmul(a.reshape([1, a.size]), b).squeeze(b.rank === 1 ? 0 : -2)
  if (b.rank === 1) return matmul(a, b.reshape([b.size, 1])).squeeze(-1)
  if (a.shape.at(-1) !== b.shape.at(-2)) {
    const turned = a.shape.at(-1) === b.shape.at(-1)
    throw mismatch(
      'inner sizes differ',
      a.shape,
      b.shape,
      `Expected [M, K] x [K, N]${turned ? '; did you mean b.transpose()?' : '.'}`,
    )
  }
  const batch = broadcastShapes('matmul', [a.shape.slice(0, -2), b.shape.slice(0, -2)])
  const stretch = (t: Tensor) => {
    const shape = [...batch, ...t.shape.slice(-2)]
    return sameShape(shape, t.shape) ? t : expand(t, shape)
  }
  return matmulOp([stretch(a), stretch(b)], noParams)
}

const mismatch = (what: string, a: Shape, b: Shape, fix: string) =>
  new ShapeError(`matmul: ${what}, got ${showAll([a, b])}. ${fix}`)

/**
 * x W^T + b, as `torch.nn.functional.linear`: x [..., in], weight [out, in], bias [out] gives [..., out].
 *
 * @throws ShapeError where `in` differs.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (x.rank === 0 || weight.rank !== 2 || x.shape.at(-1) !== weight.shape[1])
    throw new ShapeError(
      `linear: the input does not fit the weight, got ${showAll([x.shape, weight.shape])}. Expected [..., in] and [out, in].`,
    )
  const y = matmul(x.rank === 1 ? x.reshape([1, x.size]) : x, weight.transpose())
  const out = x.rank === 1 ? y.reshape([weight.shape[0]!]) : y
  return bias ? out.add(bias) : out
}

declareComposed(
  'linear',
  (draw) => {
    const [n, from, to] = [draw.size(), draw.size(), draw.size()]
    return { inputs: [{ shape: [n, from] }, { shape: [to, from] }, { shape: [to] }] }
  },
  ([x, weight, bias]) => linear(x!, weight!, bias),
)
