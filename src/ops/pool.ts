import type { Pair, PoolKernel, Window } from '../device/kernel.ts'
import { ShapeError, show, ValueError } from '../errors.ts'
import { type Apply, checkRank, type Draw, declareComposed, defineOp, type Input } from '../graph/define.ts'
import type { Shape } from '../shape.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { pair, type Size2d, windowOf, windowPlaces } from './window.ts'

type Settings = Window & { readonly kernelSize: Pair; readonly ceilMode: boolean }
type GradSettings = Settings & { readonly size: Pair }

const forward = (pass: PoolKernel['pass']) => ({
  kernel: (
    inputs: PoolKernel['inputs'],
    out: Shape,
    { stride, padding, dilation, kernelSize }: Settings,
  ): PoolKernel => ({ kind: 'pool', pass, inputs, out, stride, padding, dilation, kernelSize }),
})

const plane = (x: Shape): Pair => [x[2]!, x[3]!]

const pooled = (x: Shape, settings: Settings): Shape => [
  x[0]!,
  x[1]!,
  ...windowPlaces('pool', plane(x), settings.kernelSize, settings, settings.ceilMode),
]

const maxPlaces = defineOp<[Tensor], Settings, 'int'>('maxPoolPlaces', {
  gives: 'int',
  shape: ([x], settings) => pooled(x, settings),
  forward: forward('maxIndex'),
  vjp: null,
  samples: (draw) => planes(draw, ({ x }) => [{ shape: x, distinct: true }]),
})

/** (x [N, C, H, W], places [N, C, H', W']) gives the elements of x there. */
const take: Apply<[Tensor, Tensor<'int'>], Settings> = defineOp('takePlaces', {
  takes: ['float', 'int'],
  shape: ([_, at]) => at,
  forward: forward('take'),
  vjp: (g, [x, at], _, settings) => [put([g, at], { ...settings, size: plane(x.shape) }), null],
  samples: (draw) =>
    planes(draw, ({ x, y, places }) => [{ shape: x }, { shape: y, dtype: 'int', values: places }]),
})

/** (g, places [N, C, H', W']) gives a plane [N, C, H, W] with g added where it was taken. */
const put: Apply<[Tensor, Tensor<'int'>], GradSettings> = defineOp<[Tensor, Tensor<'int'>], GradSettings>(
  'putPlaces',
  {
    takes: ['float', 'int'],
    shape: ([g], { size }) => [g[0]!, g[1]!, ...size],
    forward: forward('put'),
    vjp: (g, [_, at], __, { size: ___, ...settings }) => [take([g, at], settings), null],
    samples: (draw) =>
      planes(draw, ({ y, places }) => [{ shape: y }, { shape: y, dtype: 'int', values: places }], true),
  },
)

const windowSum: Apply<[Tensor], Settings> = defineOp('windowSum', {
  shape: ([x], settings) => pooled(x, settings),
  forward: forward('sum'),
  vjp: (g, [x], _, settings) => [spread([g], { ...settings, size: plane(x.shape) })],
  samples: (draw) => planes(draw, ({ x }) => [{ shape: x }]),
})

/** g [N, C, H', W'] added to every place of its window: [N, C, H, W]. */
const spread: Apply<[Tensor], GradSettings> = defineOp<[Tensor], GradSettings>('windowSpread', {
  shape: ([g], { size }) => [g[0]!, g[1]!, ...size],
  forward: forward('spread'),
  vjp: (g, _, __, { size: ___, ...settings }) => [windowSum([g], settings)],
  samples: (draw) => planes(draw, ({ y }) => [{ shape: y }], true),
})

type Planes = { readonly x: Shape; readonly y: Shape; readonly places: readonly number[] }

function planes(draw: Draw, inputs: (planes: Planes) => Input[], sized = false, dilated = false) {
  const kernelSize: Pair = [draw.int(1, 3), draw.int(1, 3)]
  const spread = (k: number) => (dilated && k < 3 ? draw.int(1, 2) : 1)
  const settings: Settings = {
    kernelSize,
    stride: draw.pick<Pair>([kernelSize, [1, 1], [2, 2], [3, 1]]),
    padding: draw.pick<Pair>([[0, 0], [0, 0], kernelSize.map((k) => k >> 1) as [number, number]]),
    dilation: [spread(kernelSize[0]), spread(kernelSize[1])],
    ceilMode: draw.pick([false, true]),
  }
  const x = [draw.size(3), draw.size(3), 3 + draw.size(6), 2 + draw.size(6)]
  const y = pooled(x, settings)
  return {
    inputs: inputs({ x, y, places: firstPlaces(x, y, settings) }),
    params: sized ? { ...settings, size: plane(x) } : settings,
  }
}

/** For each window the place of its first tap that lies on the plane: places that a pooling could have given. */
function firstPlaces(x: Shape, y: Shape, { stride, padding }: Settings): number[] {
  const [planes, rows, cols] = [y[0]! * y[1]!, y[2]!, y[3]!]
  const first = (window: number, d: number) => Math.max(0, window * stride[d]! - padding[d]!)
  return Array.from({ length: planes * rows * cols }, (_, i) => {
    const [row, col] = [Math.floor(i / cols) % rows, i % cols]
    return first(row, 0) * x[3]! + first(col, 1)
  })
}

/** Settings of a pooling, in PyTorch's names; the stride is the kernel's size where left out. */
export interface PoolOptions {
  readonly stride?: Size2d
  readonly padding?: Size2d
  /** Also places the last window that starts on the plane but reaches past it. Default false. */
  readonly ceilMode?: boolean
}

/** Settings of `maxPool2d`, in PyTorch's names. */
export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: Size2d
}

/** Settings of `avgPool2d`, in PyTorch's names. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros (default) or not at all. */
  readonly countIncludePad?: boolean
  /** Divide by this and not by the number of elements. */
  readonly divisorOverride?: number
}

/**
 * Largest element of each window, as `torch.nn.functional.max_pool2d`: [N, C, H, W] gives [N, C, H', W']. The first of
 * several equal ones gets the gradient. NaN counts as largest.
 *
 * @throws ShapeError where the window does not fit, or the padding is more than half of it.
 * @throws ValueError where a setting is not a whole number in its range.
 */
export function maxPool2d(x: Tensor, kernelSize: Size2d, options: MaxPoolOptions = {}): Tensor {
  const settings = settingsOf('maxPool2d', x, kernelSize, options)
  for (const d of [0, 1]) checkTaps(x.shape, pooled(x.shape, settings), settings, d)
  return take([x, maxPlaces([x.detach()], settings)], settings)
}

/** Taps further apart than the plane is wide may all miss it. */
function checkTaps(x: Shape, y: Shape, { kernelSize, stride, padding, dilation }: Settings, d: number): void {
  const size = x[2 + d]!
  for (let i = 0; i < y[2 + d]!; i++) {
    const start = i * stride[d]! - padding[d]!
    const first = start < 0 ? start + Math.ceil(-start / dilation[d]!) * dilation[d]! : start
    if (first >= size || first > start + dilation[d]! * (kernelSize[d]! - 1))
      throw new ShapeError(
        `maxPool2d: a window lies in the padding alone, got ${show(kernelSize)} with dilation ${show(dilation)} on ${show(plane(x))}. Use less dilation or padding.`,
      )
  }
}

/**
 * Mean of each window, as `torch.nn.functional.avg_pool2d`: [N, C, H, W] gives [N, C, H', W']. Padding counts as zeros
 * unless `countIncludePad` is false; what a window of `ceilMode` reaches past the padding never counts.
 *
 * @throws ShapeError where the window does not fit, or the padding is more than half of it.
 * @throws ValueError where a setting is not a whole number in its range, or the divisor is 0.
 */
export function avgPool2d(x: Tensor, kernelSize: Size2d, options: AvgPoolOptions = {}): Tensor {
  const { countIncludePad = true, divisorOverride } = options
  const settings = settingsOf('avgPool2d', x, kernelSize, options)
  if (divisorOverride === 0)
    throw new ValueError('avgPool2d: the divisor must not be 0, got 0. Leave divisorOverride out.')
  const sums = windowSum([x], settings)
  if (divisorOverride !== undefined) return sums.div(divisorOverride)
  const [rows, cols] = [0, 1].map((d) => counts(x.shape, sums.shape, settings, d, countIncludePad))
  const even = [rows!, cols!].every((counts) => counts.every((n) => n === counts[0]))
  if (even) return sums.div(sums.size === 0 ? 1 : rows![0]! * cols![0]!)
  return sums.div(tensor(rows!.map((r) => cols!.map((c) => r * c))))
}

/** How many elements each window counts along dim d of the plane. */
function counts(
  x: Shape,
  y: Shape,
  { kernelSize, stride, padding }: Settings,
  d: number,
  padded: boolean,
): number[] {
  const around = padded ? padding[d]! : 0
  return Array.from({ length: y[2 + d]! }, (_, i) => {
    const start = i * stride[d]! - padding[d]!
    return Math.min(start + kernelSize[d]!, x[2 + d]! + around) - Math.max(start, -around)
  })
}

function settingsOf(
  op: string,
  x: Tensor,
  kernelSize: Size2d,
  { stride = kernelSize, padding, dilation, ceilMode = false }: MaxPoolOptions,
): Settings {
  checkRank(op, x.shape, [4], 'an input [N, C, H, W]')
  const size = pair(kernelSize)
  if (size.length !== 2 || size.some((k) => !Number.isInteger(k) || k < 1))
    throw new ValueError(
      `${op}: the kernel's sizes must be positive integers, got ${show(size)}. Give one number or [height, width].`,
    )
  const settings = { ...windowOf(op, { stride, padding, dilation }), kernelSize: size, ceilMode }
  if (settings.padding.some((p, d) => 2 * p > size[d]!))
    throw new ShapeError(
      `${op}: the padding may be at most half the kernel, got ${show(settings.padding)} for ${show(size)}. Pad the input itself.`,
    )
  windowPlaces(op, plane(x.shape), size, settings, ceilMode)
  return settings
}

declareComposed(
  'maxPool2d',
  (draw) => planes(draw, ({ x }) => [{ shape: x, distinct: true }], false, true),
  ([x], { kernelSize, ...options }) => maxPool2d(x!, kernelSize as Pair, options),
)
declareComposed(
  'avgPool2d',
  (draw) => {
    const { inputs, params } = planes(draw, ({ x }) => [{ shape: x }])
    const how = draw.pick([{}, { countIncludePad: false }, { divisorOverride: 3 }])
    return { inputs, params: { ...params, ...how } }
  },
  ([x], { kernelSize, ...options }) => avgPool2d(x!, kernelSize as Pair, options),
)
