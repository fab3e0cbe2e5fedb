import { ShapeError, show, ValueError } from '../errors.ts'
import { type Draw, declareComposed } from '../graph/define.ts'
import { type DType, type Tensor, tensor } from '../tensor.ts'
import type { Range } from '../view.ts'
import { where } from './elementwise.ts'
import { cat } from './indexing.ts'
import { padded } from './movement.ts'

/** What stands around the tensor: a number, its mirror image, its last element again, or its other end. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

export interface PadOptions {
  /** Default 'constant'. */
  readonly mode?: PadMode | undefined
  /** What mode 'constant' puts there. Default 0; other numbers need a float tensor. */
  readonly value?: number | undefined
}

/**
 * Elements around a tensor, as `F.pad`. `padding` is PyTorch's: pairs from the last dim on, `[left, right, top, bottom]`
 * pads the last two dims of [..., H, W]; negative numbers crop. Every mode takes any number of dims.
 *
 * @throws ShapeError where the padding does not fit, or is longer than what it repeats: 'reflect' needs sizes above it,
 * 'circular' sizes of at least it, 'replicate' at least one element.
 * @throws ValueError for an unknown mode, or a value other than 0 around labels or a mask.
 */
export function pad<D extends DType>(
  x: Tensor<D>,
  padding: readonly number[],
  { mode = 'constant', value = 0 }: PadOptions = {},
): Tensor<D> {
  const ranges = rangesOf(x, padding)
  if (mode === 'constant') return value === 0 ? padded(x, ranges) : surrounded(x, ranges, value)
  const extend = Object.hasOwn(extensions, mode) ? extensions[mode] : null
  if (!extend)
    throw new ValueError(
      `pad: there is no mode ${mode}, got ${show(x.shape)}. Choose constant, reflect, replicate or circular.`,
    )
  let y = x
  ranges.forEach(([before, after], dim) => {
    const longest = Math.max(before, after)
    if (longest <= 0) return
    const n = x.shape[dim]!
    if (n < extend.least(longest))
      throw new ShapeError(
        `pad: mode ${mode} has too little to repeat, got ${show(padding)} for ${show(x.shape)}. Pad dim ${dim} by ${extend.limit(n)}.`,
      )
    y = cat(extend.parts(y, dim, Math.max(before, 0), Math.max(after, 0)), dim)
  })
  // Cropping comes last: a mirror image is that of the whole tensor.
  return ranges.some(([before, after]) => before < 0 || after < 0)
    ? padded(
        y,
        ranges.map(([before, after]): Range => [Math.min(before, 0), Math.min(after, 0)]),
      )
    : y
}

function rangesOf(x: Tensor<DType>, padding: readonly number[]): Range[] {
  const count = padding.length / 2
  const ranges = x.shape.map((_, d): Range => {
    const k = x.rank - 1 - d
    return k < count ? [padding[2 * k]!, padding[2 * k + 1]!] : [0, 0]
  })
  if (
    !Number.isInteger(count) ||
    count > x.rank ||
    padding.some((n) => !Number.isInteger(n)) ||
    x.shape.some((n, d) => n + ranges[d]![0] + ranges[d]![1] < 0)
  )
    throw new ShapeError(
      `pad: the padding does not fit, got ${show(padding)} for ${show(x.shape)}. Give one pair of integers per dim, from the last dim on.`,
    )
  return ranges
}

/** Chosen rather than added, so that infinities can stand around a tensor. */
function surrounded<D extends DType>(x: Tensor<D>, ranges: readonly Range[], value: number): Tensor<D> {
  if (x.dtype !== 'float')
    throw new ValueError(
      `pad: only 0 can stand around ${x.dtype} tensors, got ${value} for ${show(x.shape)}. Convert it with toFloat().`,
    )
  const inside = padded(tensor(Uint8Array.of(1), []).expand(x.shape), ranges)
  return where(inside, padded(x as Tensor, ranges), value) as Tensor as Tensor<D>
}

interface Extension {
  /** Smallest size that can be padded by `longest`. */
  least(longest: number): number
  /** What a dim of size n can be padded by, for the message. */
  limit(n: number): string
  /** The tensor and what stands before and after it along `dim`. */
  parts<D extends DType>(x: Tensor<D>, dim: number, before: number, after: number): Tensor<D>[]
}

const along = <D extends DType>(x: Tensor<D>, dim: number, start: number, stop: number): Tensor<D> =>
  x.slice(x.shape.map((_, d) => (d === dim ? [start, stop] : null)))

const extensions: Readonly<Record<Exclude<PadMode, 'constant'>, Extension>> = {
  reflect: {
    least: (longest) => longest + 1,
    limit: (n) => (n < 2 ? '0' : `at most ${n - 1}`),
    parts(x, dim, before, after) {
      const n = x.shape[dim]!
      return [
        along(x, dim, 1, before + 1).flip(dim),
        x,
        // Not counted from the end: -0 would be the start.
        along(x, dim, n - 1 - after, n - 1).flip(dim),
      ]
    },
  },
  replicate: {
    least: () => 1,
    limit: () => '0',
    parts(x, dim, before, after) {
      const n = x.shape[dim]!
      const repeated = (part: typeof x, times: number) =>
        part.expand(x.shape.map((size, d) => (d === dim ? times : size)))
      return [repeated(along(x, dim, 0, 1), before), x, repeated(along(x, dim, n - 1, n), after)]
    },
  },
  circular: {
    least: (longest) => longest,
    limit: (n) => `at most ${n}`,
    parts(x, dim, before, after) {
      const n = x.shape[dim]!
      return [along(x, dim, n - before, n), x, along(x, dim, 0, after)]
    },
  },
}

const drawn = (mode: PadMode) => (draw: Draw) => {
  const shape = draw.shape(1, 3).map((n) => n + 1)
  return {
    inputs: [{ shape }],
    params: {
      padding: [
        draw.int(-1, 1),
        draw.int(0, 1),
        ...(shape.length > 1 ? [draw.int(0, 1), draw.int(0, 1)] : []),
      ],
      mode,
      value: mode === 'constant' ? draw.int(-1, 1) : 0,
    },
  }
}

for (const [name, mode] of [
  ['padValue', 'constant'],
  ['padReflect', 'reflect'],
  ['padReplicate', 'replicate'],
  ['padCircular', 'circular'],
] as const)
  declareComposed(name, drawn(mode), ([x], { padding, ...options }) =>
    pad(x!, padding as number[], options as PadOptions),
  )
