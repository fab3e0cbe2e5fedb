import { ShapeError, show, ValueError } from '../errors.ts'
import { type Apply, type Draw, declareComposed, defineOp, type Params } from '../graph/define.ts'
import { resolveDim, sizeOf } from '../shape.ts'
import { type AnyTensor, type DType, scalar, type Tensor } from '../tensor.ts'

/** Matrices [B, R, C] and the number of a diagonal, an operand so that another one compiles nothing. */
type Inputs = [AnyTensor, Tensor]

function triangleOp(name: string, expr: string): Apply<Inputs, Params, DType> {
  const op: Apply<Inputs, Params, DType> = defineOp<Inputs, Params, DType>(name, {
    takes: ['any', 'float'],
    gives: 'same',
    shape: ([x]) => x,
    forward: { expr },
    vjp: (g, [_, diagonal]) => [op([g, diagonal], {}) as Tensor, null],
    // Between two diagonals, where the diagonal's number has a derivative: 0.
    samples: (draw) => ({
      inputs: [{ shape: draw.shape(3, 3) }, { shape: [], values: [draw.int(-4, 4) + 0.5] }],
    }),
  })
  return op
}

// The float stands on the left: there every version of gpu.js compares floats rather than cutting `b` to a whole number.
const lowerOp = triangleOp('lowerTriangle', 'b + i1 >= i2 ? a : 0.0')
const upperOp = triangleOp('upperTriangle', 'b + i1 <= i2 ? a : 0.0')

/**
 * The last two dims on and below a diagonal, zeros above it, as `torch.tril`; diagonal 1 is the one above the main
 * diagonal, -1 the one below.
 *
 * @throws ShapeError where there are fewer than two dims. @throws ValueError where the diagonal is no integer.
 */
export const tril = <D extends DType>(x: Tensor<D>, diagonal = 0): Tensor<D> =>
  triangle('tril', lowerOp, x, diagonal)

/**
 * The last two dims on and above a diagonal, zeros below it, as `torch.triu`; diagonal 1 is the one above the main
 * diagonal, -1 the one below.
 *
 * @throws ShapeError where there are fewer than two dims. @throws ValueError where the diagonal is no integer.
 */
export const triu = <D extends DType>(x: Tensor<D>, diagonal = 0): Tensor<D> =>
  triangle('triu', upperOp, x, diagonal)

function triangle<D extends DType>(
  name: string,
  op: Apply<Inputs, Params, DType>,
  x: Tensor<D>,
  diagonal: number,
): Tensor<D> {
  checkMatrix(name, x)
  checkDiagonal(name, diagonal, x)
  const [rows, columns] = x.shape.slice(-2)
  const matrices = x.reshape([sizeOf(x.shape.slice(0, -2)), rows!, columns!])
  return op([matrices, scalar(diagonal)], {}).reshape(x.shape) as Tensor<D>
}

/**
 * The elements [i, i + offset] of dims `dim1` and `dim2` as a new last dim, as `torch.diagonal`. Copies nothing where
 * the two are the last dims of a tensor that lies in order.
 *
 * @throws ShapeError where there are fewer than two dims, or `dim1` is `dim2`. @throws ValueError where the offset is no
 * integer.
 */
export function diagonal<D extends DType>(x: Tensor<D>, offset = 0, dim1 = 0, dim2 = 1): Tensor<D> {
  checkMatrix('diagonal', x)
  checkDiagonal('diagonal', offset, x)
  const row = resolveDim('diagonal', dim1, x.shape)
  const column = resolveDim('diagonal', dim2, x.shape)
  if (row === column)
    throw new ShapeError(
      `diagonal: dim1 and dim2 are both dim ${row}, got ${show(x.shape)}. Name two different dims.`,
    )
  const rest = x.shape.flatMap((_, d) => (d === row || d === column ? [] : [d]))
  const outer = rest.map((d) => x.shape[d]!)
  const [rows, columns] = [x.shape[row]!, x.shape[column]!]
  const length = Math.max(0, Math.min(rows - Math.max(-offset, 0), columns - Math.max(offset, 0)))
  // In rows laid end to end, the next element of a diagonal is one row and one column on.
  const start = length === 0 ? 0 : offset >= 0 ? offset : -offset * columns
  const stop = length === 0 ? 0 : start + (length - 1) * (columns + 1) + 1
  return x
    .permute([...rest, row, column])
    .reshape([...outer, rows * columns])
    .slice([...outer.map(() => null), [start, stop, columns + 1]])
}

function checkMatrix(op: string, x: AnyTensor): void {
  if (x.rank < 2)
    throw new ShapeError(
      `${op}: expected at least two dims, got ${show(x.shape)}. Give a matrix [rows, columns].`,
    )
}

function checkDiagonal(op: string, diagonal: number, x: AnyTensor): void {
  if (!Number.isInteger(diagonal))
    throw new ValueError(
      `${op}: a diagonal's number must be an integer, got ${diagonal} for ${show(x.shape)}. Round it.`,
    )
}

const matrices = (draw: Draw) => ({
  inputs: [{ shape: draw.shape(2, 4) }],
  params: { diagonal: draw.int(-3, 3) },
})

declareComposed('tril', matrices, ([x], { diagonal }) => tril(x!, diagonal as number))
declareComposed('triu', matrices, ([x], { diagonal }) => triu(x!, diagonal as number))
declareComposed(
  'diagonal',
  (draw) => {
    const shape = draw.shape(2, 4)
    const [dim1, dim2] = draw.pick([
      [0, 1],
      [-1, -2],
      [0, -1],
    ])
    const [rows, columns] = [shape.at(dim1!)!, shape.at(dim2!)!]
    return { inputs: [{ shape }], params: { offset: draw.int(1 - rows, columns - 1), dim1, dim2 } }
  },
  ([x], { offset, dim1, dim2 }) => diagonal(x!, offset as number, dim1 as number, dim2 as number),
)
