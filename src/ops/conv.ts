import type { Conv2dKernel, Pair, Window } from '../device/kernel.ts'
import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { type Apply, checkRank, type Draw, declareComposed, defineOp } from '../graph/define.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { pair, type Size2d, windowOf, windowPlaces } from './window.ts'

export type Settings = Window & { readonly groups: number }
/** The gradients need the size of what they rebuild: a stride forgets up to `stride - 1` rows. */
type GradSettings = Settings & { readonly size: Pair }

const kernel =
  (pass: Conv2dKernel['pass']) =>
  (
    inputs: Conv2dKernel['inputs'],
    out: Shape,
    { stride, padding, dilation, groups }: Settings,
  ): Conv2dKernel => ({
    kind: 'conv2d',
    pass,
    inputs,
    out,
    stride,
    padding,
    dilation,
    groups,
  })

const plane = (x: Shape): Pair => [x[2]!, x[3]!]

const conv2dOp: Apply<[Tensor, Tensor], Settings> = defineOp('conv2d', {
  shape: ([x, w], settings) => [x[0]!, w[0]!, ...windowPlaces('conv2d', plane(x), plane(w), settings)],
  forward: { kernel: kernel('forward') },
  vjp: (g, [x, w], _, settings) => [
    conv2dInputGrad([g, w], { ...settings, size: plane(x.shape) }),
    conv2dWeightGrad([g, x], { ...settings, size: plane(w.shape) }),
  ],
  samples: (draw) => {
    const { x, w, settings } = convolution(draw)
    return { inputs: [{ shape: x }, { shape: w }], params: settings }
  },
})

/** (dy [N, O, H', W'], w [O, I / groups, kH, kW]) gives dx [N, I, H, W]. */
export const conv2dInputGrad: Apply<[Tensor, Tensor], GradSettings> = defineOp<
  [Tensor, Tensor],
  GradSettings
>('conv2dInputGrad', {
  shape: ([g, w], { size, groups }) => [g[0]!, w[1]! * groups, ...size],
  forward: { kernel: kernel('inputGrad') },
  vjp: (g, [dy, w], _, { size: __, ...settings }) => [
    conv2dOp([g, w], settings),
    conv2dWeightGrad([dy, g], { ...settings, size: plane(w.shape) }),
  ],
  samples: (draw) => {
    const { x, w, y, settings } = convolution(draw)
    return { inputs: [{ shape: y }, { shape: w }], params: { ...settings, size: plane(x) } }
  },
})

/** (dy [N, O, H', W'], x [N, I, H, W]) gives dw [O, I / groups, kH, kW]. */
const conv2dWeightGrad: Apply<[Tensor, Tensor], GradSettings> = defineOp<[Tensor, Tensor], GradSettings>(
  'conv2dWeightGrad',
  {
    shape: ([g, x], { size, groups }) => [g[1]!, x[1]! / groups, ...size],
    forward: { kernel: kernel('weightGrad') },
    vjp: (g, [dy, x], _, { size: __, ...settings }) => [
      conv2dOp([x, g], settings),
      conv2dInputGrad([dy, g], { ...settings, size: plane(x.shape) }),
    ],
    samples: (draw) => {
      const { x, w, y, settings } = convolution(draw)
      return { inputs: [{ shape: y }, { shape: x }], params: { ...settings, size: plane(w) } }
    },
  },
)

function convolution(draw: Draw): { x: Shape; w: Shape; y: Shape; settings: Settings } {
  const groups = draw.pick([1, 1, 2])
  const [n, o, i] = [draw.size(4), draw.size(4) * groups, draw.size(4)]
  const kernelSize: Pair = [draw.int(1, 3), draw.int(1, 3)]
  const settings: Settings = {
    stride: draw.pick<Pair>([
      [1, 1],
      [2, 2],
      [1, 2],
    ]),
    padding: draw.pick<Pair>([
      [0, 0],
      [1, 1],
      [2, 0],
    ]),
    dilation: draw.pick<Pair>([
      [1, 1],
      [1, 1],
      [2, 1],
    ]),
    groups,
  }
  const x = [n, i * groups, 4 + draw.size(5), 3 + draw.size(5)]
  const w = [o, i, ...kernelSize]
  return { x, w, y: [n, o, ...windowPlaces('conv2d', plane(x), kernelSize, settings)], settings }
}

/** Settings of `conv2d`, in PyTorch's names. */
export interface Conv2dOptions {
  readonly stride?: Size2d
  /** 'valid' pads nothing; 'same' as much as keeps the plane's size, the odd one at the bottom and right. */
  readonly padding?: Size2d | 'same' | 'valid'
  readonly dilation?: Size2d
  readonly groups?: number
}

/**
 * Cross-correlation, as `torch.nn.functional.conv2d`: x [N, I, H, W], weight [O, I / groups, kH, kW], bias [O] gives
 * [N, O, H', W'].
 *
 * @throws ShapeError where the channels do not fit or the window is larger than the padded plane.
 * @throws ValueError where a setting is out of its range, or `padding` is 'same' with a stride other than 1.
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  options: Conv2dOptions & { bias?: Tensor | undefined } = {},
): Tensor {
  const { groups = 1, bias } = options
  checkRank('conv2d', x.shape, [4], 'an input [N, C, H, W]')
  checkRank('conv2d', weight.shape, [4], 'a weight [out, in / groups, kH, kW]')
  checkChannels('conv2d', x.shape, weight.shape, groups, bias)
  return convolve('conv2d', x, weight, options, bias)
}

/** Throws unless channels, groups and bias fit; `op` may have planes or lines. */
export function checkChannels(
  op: 'conv1d' | 'conv2d',
  x: Shape,
  weight: Shape,
  groups: number,
  bias: Tensor | undefined,
): void {
  const [out, perGroup] = weight as [number, number]
  const [input, taps] = op === 'conv2d' ? ['H, W', 'kH, kW'] : ['L', 'k']
  if (!Number.isInteger(groups) || groups < 1 || x[1] !== perGroup * groups || out % groups !== 0)
    throw new ShapeError(
      `${op}: the channels do not fit${groups === 1 ? '' : ` ${groups} groups`}, got ${showAll([x, weight])}. Expected [N, C, ${input}] and [out, C / groups, ${taps}].`,
    )
  if (bias && (bias.rank !== 1 || bias.size !== out))
    throw new ShapeError(
      `${op}: the bias does not fit the weight, got ${showAll([bias.shape, weight])}. Expected [${out}].`,
    )
}

/** The convolution of a plane, its channels checked; errors are in the name of `op`. */
export function convolve(
  op: string,
  x: Tensor,
  weight: Tensor,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv2dOptions,
  bias: Tensor | undefined,
): Tensor {
  const size = plane(weight.shape)
  const { input, around } =
    padding === 'same'
      ? samePadding(op, x, size, pair(stride), pair(dilation))
      : { input: x, around: padding === 'valid' ? 0 : padding }
  const window = windowOf(op, { stride, padding: around, dilation })
  windowPlaces(op, plane(input.shape), size, window)
  const y = conv2dOp([input, weight], { ...window, groups })
  return bias ? y.add(bias.reshape([bias.size, 1, 1])) : y
}

/** What keeps the plane's size. An odd amount goes after it, as a row or column of zeros on x itself. */
function samePadding(
  op: string,
  x: Tensor,
  kernelSize: Pair,
  stride: Pair,
  dilation: Pair,
): { input: Tensor; around: Pair } {
  if (stride.some((s) => s !== 1))
    throw new ValueError(
      `${op}: padding 'same' needs a stride of 1, got ${show(stride)}. Give the padding as a number.`,
    )
  const [rows, cols] = [0, 1].map((d) => dilation[d]! * (kernelSize[d]! - 1)) as [number, number]
  const odd = [rows % 2, cols % 2] as const
  const input = odd[0] + odd[1] > 0 ? x.pad([0, odd[1], 0, odd[0]]) : x
  return { input, around: [rows >> 1, cols >> 1] }
}

declareComposed(
  'conv2dSame',
  (draw) => {
    const [channels, out] = [draw.size(3), draw.size(3)]
    return {
      inputs: [
        { shape: [draw.size(2), channels, draw.size(5), draw.size(5)] },
        { shape: [out, channels, draw.int(1, 4), draw.int(1, 3)] },
        { shape: [out] },
      ],
      params: { padding: 'same', dilation: draw.pick([1, [2, 1], [1, 3]]) },
    }
  },
  ([x, weight, bias], options) => conv2d(x!, weight!, { ...options, bias }),
)
