import type { Pair, PoolKernel, Window } from '../device/kernel.ts'
import { ShapeError, show } from '../errors.ts'
import { type Apply, checkRank, type Draw, declareComposed, defineOp, type Input } from '../graph/define.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { pair, type Size2d, windowOf, windowPlaces } from './window.ts'

type Settings = Window & { readonly kernelSize: Pair }
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
  ...windowPlaces('pool', plane(x), settings.kernelSize, settings),
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

function planes(draw: Draw, inputs: (planes: Planes) => Input[], sized = false) {
  const kernelSize: Pair = [draw.int(1, 3), draw.int(1, 3)]
  const settings: Settings = {
    kernelSize,
    stride: draw.pick<Pair>([kernelSize, [1, 1], [2, 2], [3, 1]]),
    padding: draw.pick<Pair>([[0, 0], [0, 0], kernelSize.map((k) => k >> 1) as [number, number]]),
    dilation: [1, 1],
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
}

/**
 * Largest element of each window, as `torch.nn.functional.max_pool2d`: [N, C, H, W] gives [N, C, H', W']. The first of
 * several equal ones gets the gradient.
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: Size2d,
  options: PoolOptions & { dilation?: Size2d } = {},
): Tensor {
  const settings = settingsOf('maxPool2d', x, kernelSize, options)
  return take([x, maxPlaces([x.detach()], settings)], settings)
}

/**
 * Mean of each window, as `torch.nn.functional.avg_pool2d`: [N, C, H, W] gives [N, C, H', W']. Padding counts as zeros.
 */
export function avgPool2d(x: Tensor, kernelSize: Size2d, options: PoolOptions = {}): Tensor {
  const settings = settingsOf('avgPool2d', x, kernelSize, options)
  return windowSum([x], settings).div(settings.kernelSize[0] * settings.kernelSize[1])
}

function settingsOf(
  op: string,
  x: Tensor,
  kernelSize: Size2d,
  { stride = kernelSize, padding, dilation }: PoolOptions & { dilation?: Size2d },
): Settings {
  checkRank(op, x.shape, [4], 'an input [N, C, H, W]')
  const size = pair(kernelSize)
  const settings = { ...windowOf(op, { stride, padding, dilation }), kernelSize: size }
  if (settings.padding.some((p, d) => 2 * p > size[d]!))
    throw new ShapeError(
      `${op}: the padding may be at most half the kernel, got ${show(settings.padding)} for ${show(size)}. Pad the input itself.`,
    )
  windowPlaces(op, plane(x.shape), size, settings)
  return settings
}

declareComposed(
  'maxPool2d',
  (draw) => planes(draw, ({ x }) => [{ shape: x, distinct: true }]),
  ([x], { kernelSize, stride, padding }) =>
    maxPool2d(x!, kernelSize as Pair, { stride: stride as Pair, padding: padding as Pair }),
)
declareComposed(
  'avgPool2d',
  (draw) => planes(draw, ({ x }) => [{ shape: x }]),
  ([x], { kernelSize, stride, padding }) =>
    avgPool2d(x!, kernelSize as Pair, { stride: stride as Pair, padding: padding as Pair }),
)
