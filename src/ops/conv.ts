import type { Conv2dKernel, Pair, Window } from '../device/kernel.ts'
import { ShapeError, showAll } from '../errors.ts'
import { type Apply, checkRank, type Draw, defineOp } from '../graph/define.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { type Size2d, windowOf, windowPlaces } from './window.ts'

type Settings = Window & { readonly groups: number }
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
const conv2dInputGrad: Apply<[Tensor, Tensor], GradSettings> = defineOp<[Tensor, Tensor], GradSettings>(
  'conv2dInputGrad',
  {
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
  },
)

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
  readonly padding?: Size2d
  readonly dilation?: Size2d
  readonly groups?: number
}

/**
 * Cross-correlation, as `torch.nn.functional.conv2d`: x [N, I, H, W], weight [O, I / groups, kH, kW], bias [O] gives
 * [N, O, H', W'].
 *
 * @throws ShapeError where the channels do not fit or the window is larger than the padded plane.
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  options: Conv2dOptions & { bias?: Tensor | undefined } = {},
): Tensor {
  const { stride = 1, padding, dilation, groups = 1, bias } = options
  checkRank('conv2d', x.shape, [4], 'an input [N, C, H, W]')
  checkRank('conv2d', weight.shape, [4], 'a weight [out, in / groups, kH, kW]')
  const [out, perGroup] = weight.shape as [number, number]
  if (!Number.isInteger(groups) || groups < 1 || x.shape[1] !== perGroup * groups || out % groups !== 0)
    throw new ShapeError(
      `conv2d: the channels do not fit${groups === 1 ? '' : ` ${groups} groups`}, got ${showAll([x.shape, weight.shape])}. Expected [N, C, H, W] and [out, C / groups, kH, kW].`,
    )
  const y = conv2dOp([x, weight], { ...windowOf('conv2d', { stride, padding, dilation }), groups })
  if (!bias) return y
  if (bias.rank !== 1 || bias.size !== out)
    throw new ShapeError(
      `conv2d: the bias does not fit the weight, got ${showAll([bias.shape, weight.shape])}. Expected [${out}].`,
    )
  return y.add(bias.reshape([out, 1, 1]))
}
