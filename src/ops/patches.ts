import { ShapeError, show, ValueError } from '../errors.ts'
import { checkDType, checkRank, type Draw, declareComposed, defineOp } from '../graph/define.ts'
import { checkSizes } from '../shape.ts'
import type { AnyTensor, DType, Tensor } from '../tensor.ts'
import { type Windows, windowsView } from '../view.ts'
import { unslice } from './movement.ts'
import { pair, type Size2d, windowOf, windowPlaces } from './window.ts'

/** Windows along a dim, which stays as their places; a new last dim runs within them. Overlapping windows share elements. */
const windowsOp = defineOp<[AnyTensor], Windows, DType>('windows', {
  takes: ['any'],
  gives: 'same',
  shape: ([x], { dim, places, size }) => [...x.map((n, d) => (d === dim ? places : n)), size],
  forward: { view: windowsView },
  vjp: (g, [x], _, { dim, places, stride, size, dilation }) => {
    // The k-th elements of all windows are a slice of the dim; slices of different k may overlap, and add up.
    const slices = Array.from({ length: size }, (_, k) =>
      unslice(
        g.select(-1, k),
        x.shape,
        x.shape.map((n, d) =>
          d === dim ? { start: k * dilation, size: places, step: stride } : { start: 0, size: n, step: 1 },
        ),
      ),
    )
    return [slices.reduce((sum, slice) => sum.add(slice))]
  },
  samples: (draw) => {
    const shape = draw.shape(1, 3)
    const dim = draw.int(0, shape.length - 1)
    const [places, stride, size, dilation] = [draw.size(4), draw.int(1, 3), draw.size(4), draw.int(1, 2)]
    const reach = (places - 1) * stride + (size - 1) * dilation + 1 + draw.int(0, 2)
    return {
      inputs: [{ shape: shape.map((n, d) => (d === dim ? reach : n)) }],
      params: { dim, places, stride, size, dilation },
    }
  },
})

export interface UnfoldOptions {
  /** Default 1. */
  readonly dilation?: Size2d | undefined
  /** Zeros around the plane. Default 0. */
  readonly padding?: Size2d | undefined
  /** Default 1. */
  readonly stride?: Size2d | undefined
}

/**
 * The patches under a moving window as columns, as `F.unfold`: [N, C, H, W] gives [N, C * kH * kW, places], and
 * [C, H, W] the same without N.
 *
 * @throws ShapeError where the input has other dims, or the window is larger than the padded plane.
 * @throws ValueError where a setting is no integer of the right size.
 */
export function unfold(
  x: Tensor,
  kernelSize: Size2d,
  { dilation = 1, padding = 0, stride = 1 }: UnfoldOptions = {},
): Tensor {
  checkDType('unfold', x, 'float')
  checkRank('unfold', x.shape, [3, 4], 'an input [N, C, H, W] or [C, H, W]')
  if (x.rank === 3) {
    const columns = unfold(x.unsqueeze(0), kernelSize, { dilation, padding, stride })
    return columns.reshape(columns.shape.slice(1))
  }
  const kernel = pair(kernelSize)
  checkSizes('unfold', kernel, 1)
  const window = windowOf('unfold', { stride, padding, dilation })
  const [n, channels, ...plane] = x.shape as [number, number, number, number]
  const places = windowPlaces('unfold', plane, kernel, window)
  const [top, left] = window.padding
  const settled = (d: 0 | 1): Windows => ({
    dim: 2 + d,
    places: places[d],
    stride: window.stride[d],
    size: kernel[d],
    dilation: window.dilation[d],
  })
  const padded = top === 0 && left === 0 ? x : x.pad([left, left, top, top])
  const rows = windowsOp([padded], settled(0))
  return (windowsOp([rows], settled(1)) as Tensor)
    .permute([0, 1, 4, 5, 2, 3])
    .reshape([n, channels * kernel[0] * kernel[1], places[0] * places[1]])
}

/**
 * Channels turned into finer planes, as `F.pixel_shuffle`: [..., C * r * r, H, W] gives [..., C, H * r, W * r] for
 * `upscaleFactor` r.
 *
 * @throws ShapeError where there are fewer than three dims, or the channels are no multiple of r * r.
 * @throws ValueError where the factor is not a positive integer.
 */
export function pixelShuffle<D extends DType>(x: Tensor<D>, upscaleFactor: number): Tensor<D> {
  const r = upscaleFactor
  if (!Number.isInteger(r) || r < 1)
    throw new ValueError(
      `pixelShuffle: upscaleFactor must be a positive integer, got ${r} for ${show(x.shape)}. Give at least 1.`,
    )
  const outer = x.shape.slice(0, -3)
  const [channels = 0, height = 0, width = 0] = x.shape.slice(-3)
  if (x.rank < 3 || channels % (r * r) !== 0)
    throw new ShapeError(
      `pixelShuffle: the channels do not fit, got ${show(x.shape)} for upscaleFactor ${r}. Expected [..., C, H, W] with C a multiple of ${r * r}.`,
    )
  const lead = outer.length
  const finer = channels / (r * r)
  return x
    .reshape([...outer, finer, r, r, height, width])
    .permute([...outer.map((_, d) => d), ...[0, 3, 1, 4, 2].map((d) => lead + d)])
    .reshape([...outer, finer, height * r, width * r])
}

declareComposed(
  'unfold',
  (draw: Draw) => {
    const [kernelSize, dilation, stride] = [draw.int(1, 3), draw.int(1, 2), draw.int(1, 3)]
    const reach = () => dilation * (kernelSize - 1) + 1 + draw.int(0, 3)
    const plane = [draw.size(3), reach(), reach()]
    return {
      inputs: [{ shape: draw.pick([plane, [draw.size(2), ...plane]]) }],
      params: { kernelSize, dilation, stride, padding: draw.int(0, 1) },
    }
  },
  ([x], { kernelSize, ...options }) => unfold(x!, kernelSize as number, options as UnfoldOptions),
)

declareComposed(
  'pixelShuffle',
  (draw: Draw) => {
    const r = draw.int(1, 3)
    const plane = [draw.size(2) * r * r, draw.size(4), draw.size(4)]
    return { inputs: [{ shape: draw.pick([plane, [2, ...plane]]) }], params: { upscaleFactor: r } }
  },
  ([x], { upscaleFactor }) => pixelShuffle(x!, upscaleFactor as number),
)
