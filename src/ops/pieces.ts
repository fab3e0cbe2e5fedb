import { ShapeError, show, ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import { resolveDim } from '../shape.ts'
import type { AnyTensor, DType, Tensor } from '../tensor.ts'

/**
 * Parts of a tensor along `dim`, as `torch.split`: parts of one size (the last may be smaller), or of the sizes that an
 * array names. Copies nothing.
 *
 * @throws ShapeError where the sizes do not add up to the dim's. @throws ValueError where a size is no integer, or 0.
 */
export function split<D extends DType>(
  x: Tensor<D>,
  splitSizeOrSections: number | readonly number[],
  dim = 0,
): Tensor<D>[] {
  const along = dimOf('split', dim, x)
  const n = x.shape[along]!
  if (typeof splitSizeOrSections !== 'number') {
    const sections = splitSizeOrSections
    if (
      sections.some((size) => !Number.isInteger(size) || size < 0) ||
      sections.reduce((sum, size) => sum + size, 0) !== n
    )
      throw new ShapeError(
        `split: the sections do not add up, got ${show(sections)} for dim ${along} of ${show(x.shape)}. Give sizes whose sum is ${n}.`,
      )
    return parts(x, along, sections)
  }
  const size = splitSizeOrSections
  if (!Number.isInteger(size) || size < 0 || (size === 0 && n > 0))
    throw new ValueError(
      `split: the size of a part must be a positive integer, got ${size} for ${show(x.shape)}. Give at least 1.`,
    )
  const count = n === 0 ? 1 : Math.ceil(n / size)
  return parts(
    x,
    along,
    Array.from({ length: count }, (_, i) => Math.min(size, n - i * size)),
  )
}

/**
 * `chunks` parts along `dim`, as `torch.chunk`: all of the size n / chunks rounded up but the last, which is smaller;
 * there are fewer parts where that uses up the dim. Copies nothing.
 *
 * @throws ValueError where `chunks` is not a positive integer.
 */
export function chunk<D extends DType>(x: Tensor<D>, chunks: number, dim = 0): Tensor<D>[] {
  const along = dimOf('chunk', dim, x)
  if (!Number.isInteger(chunks) || chunks < 1)
    throw new ValueError(
      `chunk: chunks must be a positive integer, got ${chunks} for ${show(x.shape)}. Give at least 1.`,
    )
  const n = x.shape[along]!
  return n === 0 ? parts(x, along, new Array<number>(chunks).fill(0)) : split(x, Math.ceil(n / chunks), along)
}

/**
 * The slice at `index` along `dim`, without that dim, as `x.select`; a negative index counts from the end. Copies nothing.
 *
 * @throws ValueError where the index is out of range.
 */
export function select<D extends DType>(x: Tensor<D>, dim: number, index: number): Tensor<D> {
  const along = dimOf('select', dim, x)
  const n = x.shape[along]!
  if (!Number.isInteger(index) || index < -n || index >= n)
    throw new ValueError(
      `select: index ${index} is out of range for dim ${along}, got ${show(x.shape)}. ${n === 0 ? 'The dim is empty' : `Use ${-n} to ${n - 1}`}.`,
    )
  const at = index < 0 ? index + n : index
  return x
    .slice(x.shape.map((_, d) => (d === along ? [at, at + 1] : null)))
    .reshape(x.shape.filter((_, d) => d !== along))
}

function parts<D extends DType>(x: Tensor<D>, dim: number, sizes: readonly number[]): Tensor<D>[] {
  let start = 0
  return sizes.map((size) => {
    const range = [start, start + size] as const
    start += size
    return x.slice(x.shape.map((_, d) => (d === dim ? range : null)))
  })
}

function dimOf(op: string, dim: number, x: AnyTensor): number {
  if (x.rank === 0)
    throw new ShapeError(`${op}: a scalar has no dim to take from, got []. Reshape it to [1] first.`)
  return resolveDim(op, dim, x.shape)
}

// A list of parts has no single value: the parts are weighted by their place and summed over the dim.
const weighed = (list: readonly Tensor[], dim: number): Tensor =>
  list.map((part, i) => part.sum(dim).mul(i + 1)).reduce((sum, part) => sum.add(part))

declareComposed(
  'split',
  (draw) => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    const n = shape[dim]!
    const first = draw.int(0, n)
    return {
      inputs: [{ shape }],
      params: { sections: draw.pick<number | number[]>([draw.size(5), [first, n - first]]), dim },
    }
  },
  ([x], { sections, dim }) => weighed(split(x!, sections as number | number[], dim as number), dim as number),
)

declareComposed(
  'chunk',
  (draw) => {
    const shape = draw.shape(1, 3)
    return {
      inputs: [{ shape }],
      params: { chunks: draw.int(1, 5), dim: draw.int(0, shape.length - 1) },
    }
  },
  ([x], { chunks, dim }) => weighed(chunk(x!, chunks as number, dim as number), dim as number),
)

declareComposed(
  'select',
  (draw) => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    return { inputs: [{ shape }], params: { dim, index: draw.int(-shape[dim]!, shape[dim]! - 1) } }
  },
  ([x], { dim, index }) => select(x!, dim as number, index as number),
)
