import type { Pair } from '../device/kernel.ts'
import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { checkRank, declareComposed } from '../graph/define.ts'
import type { Tensor } from '../tensor.ts'
import { conv2dInputGrad } from './conv.ts'
import { pair, type Size2d, windowOf } from './window.ts'

/** Settings of `convTranspose2d`, in PyTorch's names. */
export interface ConvTranspose2dOptions {
  readonly stride?: Size2d
  /** Cropped from each side of the output. */
  readonly padding?: Size2d
  /** Added to the bottom and right of the output. */
  readonly outputPadding?: Size2d
  readonly groups?: number
  readonly dilation?: Size2d
}

/**
 * The gradient of `conv2d` in its input, as an operation: `torch.nn.functional.conv_transpose2d`. x [N, I, H, W],
 * weight [I, O / groups, kH, kW], bias [O] gives [N, O, H', W'] with
 * H' = (H - 1) stride - 2 padding + dilation (kH - 1) + outputPadding + 1.
 *
 * @throws ShapeError where the channels do not fit or the output would be empty.
 * @throws ValueError where a setting is out of its range.
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: ConvTranspose2dOptions & { bias?: Tensor | undefined } = {},
): Tensor {
  const { stride = 1, padding, outputPadding = 0, dilation, groups = 1, bias } = options
  checkRank('convTranspose2d', x.shape, [4], 'an input [N, C, H, W]')
  checkRank('convTranspose2d', weight.shape, [4], 'a weight [in, out / groups, kH, kW]')
  const [channels, perGroup, kH, kW] = weight.shape as [number, number, number, number]
  if (!Number.isInteger(groups) || groups < 1 || x.shape[1] !== channels || channels % groups !== 0)
    throw new ShapeError(
      `convTranspose2d: the channels do not fit${groups === 1 ? '' : ` ${groups} groups`}, got ${showAll([x.shape, weight.shape])}. Expected [N, C, H, W] and [C, out / groups, kH, kW].`,
    )
  if (bias && (bias.rank !== 1 || bias.size !== perGroup * groups))
    throw new ShapeError(
      `convTranspose2d: the bias does not fit the weight, got ${showAll([bias.shape, weight.shape])}. Expected [${perGroup * groups}].`,
    )
  const window = windowOf('convTranspose2d', { stride, padding, dilation })
  const extra = pair(outputPadding)
  if (
    extra.some(
      (n, d) => !Number.isInteger(n) || n < 0 || n >= Math.max(window.stride[d]!, window.dilation[d]!),
    )
  )
    throw new ValueError(
      `convTranspose2d: the output padding must be whole, at least 0, and smaller than the stride or the dilation, got ${show(extra)} for stride ${show(window.stride)} and dilation ${show(window.dilation)}. Change the settings.`,
    )
  // Where all of each window counts: what padding crops and outputPadding adds are views of it.
  const full = [0, 1].map(
    (d) => (x.shape[2 + d]! - 1) * window.stride[d]! + window.dilation[d]! * ([kH, kW][d]! - 1) + 1,
  ) as unknown as Pair
  const size = full.map((n, d) => n - 2 * window.padding[d]! + extra[d]!) as unknown as Pair
  if (size.some((n) => n < 1))
    throw new ShapeError(
      `convTranspose2d: nothing is left of the plane, got ${show(size)} from ${show(x.shape)} with padding ${show(window.padding)}. Use less padding.`,
    )
  // A convolution of that size must give x's size back, which it only does for less than a stride of extra rows.
  const y = extra.every((n, d) => n < window.stride[d]!)
    ? conv2dInputGrad([x, weight], { ...window, groups, size })
    : cropped(conv2dInputGrad([x, weight], { ...window, padding: [0, 0], groups, size: full }))
  return bias ? y.add(bias.reshape([bias.size, 1, 1])) : y

  function cropped(whole: Tensor): Tensor {
    const [[top, left], [rows, cols]] = [window.padding, extra]
    return whole.pad([-left, cols - left, -top, rows - top])
  }
}

declareComposed(
  'convTranspose2d',
  (draw) => {
    const groups = draw.int(1, 2)
    const [channels, perGroup] = [draw.size(3) * groups, draw.size(3)]
    return {
      inputs: [
        { shape: [draw.size(2), channels, 1 + draw.size(3), 1 + draw.size(3)] },
        { shape: [channels, perGroup, draw.int(2, 3), draw.int(2, 3)] },
        { shape: [perGroup * groups] },
      ],
      params: {
        groups,
        ...draw.pick([
          { stride: [2, 1], padding: [1, 0] },
          { stride: 3, outputPadding: [2, 1], padding: 1 },
          { stride: 1, dilation: 3, padding: [0, 1], outputPadding: [2, 1] },
          { stride: [1, 2], dilation: [1, 2] },
        ]),
      },
    }
  },
  ([x, weight, bias], options) => convTranspose2d(x!, weight!, { ...options, bias }),
)
