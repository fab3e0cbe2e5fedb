import type { Pair } from '../device/kernel.ts'
import { ShapeError, show, ValueError } from '../errors.ts'
import { checkRank, declareComposed } from '../graph/define.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { indexSelect } from './lookup.ts'
import { blend } from './normalise.ts'
import { pair, type Size2d } from './window.ts'

/** Settings of `interpolate`, in PyTorch's names: either the new size, or how many times larger. */
export interface InterpolateOptions {
  readonly size?: Size2d | undefined
  readonly scaleFactor?: Size2d | undefined
  /** Default 'nearest'. */
  readonly mode?: 'nearest' | 'bilinear'
  /** For 'bilinear': corners keep their values. Default false: the edges of the planes lie on each other. */
  readonly alignCorners?: boolean | undefined
}

/**
 * A plane of another size, as `torch.nn.functional.interpolate`: [N, C, H, W] gives [N, C, H', W'].
 *
 * @throws ShapeError where x is not [N, C, H, W] or its plane is empty.
 * @throws ValueError where not exactly one of `size` and `scaleFactor` is given, a new size is below 1, the mode is
 * unknown, or `alignCorners` is given for 'nearest'.
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { mode = 'nearest', alignCorners } = options
  checkRank('interpolate', x.shape, [4], 'an input [N, C, H, W]')
  if (x.shape[2] === 0 || x.shape[3] === 0)
    throw new ShapeError(
      `interpolate: the plane is empty, got ${show(x.shape)}. Give at least one row and column.`,
    )
  if (mode !== 'nearest' && mode !== 'bilinear')
    throw new ValueError(`interpolate: the mode is unknown, got ${mode}. Use 'nearest' or 'bilinear'.`)
  if (mode === 'nearest' && alignCorners !== undefined)
    throw new ValueError(
      "interpolate: nearest has no corners to align, got alignCorners. Leave it out, or use 'bilinear'.",
    )
  const axes = axesOf(x, options)
  return mode === 'nearest'
    ? nearest(nearest(x, 2, axes[0]), 3, axes[1])
    : linear(linear(x, 2, axes[0], alignCorners), 3, axes[1], alignCorners)
}

/** The new size along one dim, and how far apart neighbours lie in the old one. */
interface Axis {
  readonly size: number
  readonly step: number
}

function axesOf(x: Tensor, { size, scaleFactor }: InterpolateOptions): [Axis, Axis] {
  if ((size === undefined) === (scaleFactor === undefined))
    throw new ValueError(
      `interpolate: give either size or scaleFactor, got ${size === undefined ? 'neither' : 'both'}. Leave one out.`,
    )
  const plane: Pair = [x.shape[2]!, x.shape[3]!]
  const factors = scaleFactor === undefined ? null : pair(scaleFactor)
  const sizes = factors ? plane.map((n, d) => Math.floor(n * factors[d]!)) : pair(size!)
  if (sizes.length !== 2 || sizes.some((n) => !Number.isInteger(n) || n < 1))
    throw new ValueError(
      `interpolate: the new size must be positive integers, got ${show(sizes)} for ${show(x.shape)}. Choose a larger one.`,
    )
  const axis = (d: 0 | 1): Axis => ({
    size: sizes[d]!,
    step: factors ? 1 / factors[d]! : plane[d] / sizes[d]!,
  })
  return [axis(0), axis(1)]
}

function nearest(x: Tensor, dim: number, { size, step }: Axis): Tensor {
  const n = x.shape[dim]!
  if (size === n) return x
  const places = Array.from({ length: size }, (_, i) => nearestPlace(i, n, size, step))
  const factor = size / n
  if (!places.every((place, i) => place === Math.floor(i / factor)) || !Number.isInteger(factor))
    return indexSelect(x, dim, tensor(Int32Array.from(places)))
  // Each line `factor` times: a view, whose gradient is a sum.
  const [before, after] = [x.shape.slice(0, dim), x.shape.slice(dim + 1)]
  return x
    .reshape([...before, n, 1, ...after])
    .expand([...before, n, factor, ...after])
    .reshape([...before, size, ...after])
}

/** floor(i * step) as PyTorch has it: in float32, whatever the tensor's own precision. */
function nearestPlace(i: number, n: number, size: number, step: number): number {
  if (size === 2 * n) return i >> 1
  return Math.min(Math.floor(Math.fround(i * Math.fround(step))), n - 1)
}

function linear(x: Tensor, dim: number, { size, step }: Axis, alignCorners = false): Tensor {
  const n = x.shape[dim]!
  if (size === n && (alignCorners || step === 1)) return x
  const apart = size > 1 ? (n - 1) / (size - 1) : 0
  const source = Array.from({ length: size }, (_, i) =>
    alignCorners ? i * apart : Math.max((i + 0.5) * step - 0.5, 0),
  )
  const first = source.map((at) => Math.min(Math.floor(at), n - 1))
  const second = first.map((at) => Math.min(at + 1, n - 1))
  const share = source.map((at, i) => Math.min(at - first[i]!, 1))
  // [size] lines up with `dim` of x.
  const along = x.shape.map((_, d) => (d === dim ? size : 1)).slice(dim)
  return blend(
    indexSelect(x, dim, tensor(Int32Array.from(first))),
    tensor(
      share.map((t) => 1 - t),
      along,
    ),
    indexSelect(x, dim, tensor(Int32Array.from(second))),
    tensor(share, along),
  )
}

declareComposed(
  'interpolate',
  (draw) => ({
    inputs: [{ shape: [draw.size(2), draw.size(3), draw.size(7), draw.size(5)] }],
    params: draw.pick([
      { size: [draw.int(1, 9), draw.int(1, 9)] },
      { scaleFactor: draw.pick([2, [3, 2], [1.5, 1]]) },
      { size: [draw.int(1, 9), draw.int(1, 9)], mode: 'bilinear', alignCorners: draw.pick([true, false]) },
      { scaleFactor: draw.pick([2, [3, 2], [1.5, 2.5]]), mode: 'bilinear' },
    ]),
  }),
  ([x], options) => interpolate(x!, options as InterpolateOptions),
)
