import { ShapeError, show, ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import { resolveDim } from '../shape.ts'
import type { DType, Tensor } from '../tensor.ts'
import { cat } from './indexing.ts'

/**
 * The tensor side by side with itself, as `x.repeat`: `repeats[d]` times along each dim; further entries in front add
 * dims. One copy is made, whatever the numbers.
 *
 * @throws ShapeError where there are fewer repeats than dims, or a number that is no integer of at least 0.
 */
export function repeat<D extends DType>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> {
  const lead = repeats.length - x.rank
  if (lead < 0 || repeats.some((times) => !Number.isInteger(times) || times < 0))
    throw new ShapeError(
      `repeat: the repeats do not fit, got ${show(repeats)} for ${show(x.shape)}. Give an integer of at least 0 for each dim.`,
    )
  const size = (d: number) => (d < lead ? 1 : x.shape[d - lead]!)
  return x
    .reshape(repeats.flatMap((_, d) => [1, size(d)]))
    .expand(repeats.flatMap((times, d) => [times, size(d)]))
    .reshape(repeats.map((times, d) => times * size(d)))
}

/**
 * Elements moved on by `shifts` along `dims`, those beyond the end coming in at the start, as `torch.roll`; without dims
 * the tensor is rolled as one line.
 *
 * @throws ShapeError where there is not one shift per dim. @throws ValueError where a shift is no integer.
 */
export function roll<D extends DType>(
  x: Tensor<D>,
  shifts: number | readonly number[],
  dims?: number | readonly number[],
): Tensor<D> {
  const by = typeof shifts === 'number' ? [shifts] : shifts
  if (by.some((shift) => !Number.isInteger(shift)))
    throw new ValueError(`roll: shifts must be integers, got ${show(by)} for ${show(x.shape)}. Round them.`)
  const along = typeof dims === 'number' ? [dims] : (dims ?? [])
  if (by.length !== Math.max(along.length, 1))
    throw new ShapeError(
      `roll: there must be one shift per dim, got shifts ${show(by)} and dims ${show(along)} for ${show(x.shape)}. Give as many of each.`,
    )
  if (along.length === 0) return rolled(x.reshape([x.size]), by[0]!, 0).reshape(x.shape)
  if (x.rank === 0) throw new ShapeError('roll: a scalar has no dim to roll along, got []. Leave out dims.')
  return along.reduce((y, dim, i) => rolled(y, by[i]!, resolveDim('roll', dim, x.shape)), x)
}

function rolled<D extends DType>(x: Tensor<D>, shift: number, dim: number): Tensor<D> {
  const n = x.shape[dim]!
  // What comes in at the start: JavaScript's remainder has the sign of the shift.
  const wrapped = n === 0 ? 0 : ((shift % n) + n) % n
  if (wrapped === 0) return x
  const part = (start: number, stop: number) =>
    x.slice(x.shape.map((_, d) => (d === dim ? [start, stop] : null)))
  return cat([part(n - wrapped, n), part(0, n - wrapped)], dim)
}

declareComposed(
  'repeat',
  (draw) => {
    const shape = draw.shape(0, 3)
    const lead = draw.int(0, 1)
    return {
      inputs: [{ shape }],
      params: { repeats: Array.from({ length: shape.length + lead }, () => draw.int(1, 3)) },
    }
  },
  ([x], { repeats }) => repeat(x!, repeats as number[]),
)

declareComposed(
  'roll',
  (draw) => {
    const shape = draw.shape(1, 3)
    const last = shape.length - 1
    return {
      inputs: [{ shape }],
      params: draw.pick<object>([
        { shifts: draw.int(-20, 20) },
        { shifts: draw.int(-20, 20), dims: draw.int(-1, last) },
        { shifts: [draw.int(-3, 3), draw.int(-3, 3)], dims: [0, last] },
      ]),
    }
  },
  ([x], { shifts, dims }) => roll(x!, shifts as number | number[], dims as number | number[] | undefined),
)
