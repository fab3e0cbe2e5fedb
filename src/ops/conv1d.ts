import { checkRank, declareComposed } from '../graph/define.ts'
import type { Tensor } from '../tensor.ts'
import { checkChannels, convolve } from './conv.ts'

/** Settings of `conv1d`, in PyTorch's names. */
export interface Conv1dOptions {
  readonly stride?: number
  /** 'valid' pads nothing; 'same' as much as keeps the length, the odd one at the end. */
  readonly padding?: number | 'same' | 'valid'
  readonly dilation?: number
  readonly groups?: number
}

/**
 * Cross-correlation of lines, as `torch.nn.functional.conv1d`: x [N, I, L], weight [O, I / groups, k], bias [O] gives
 * [N, O, L'].
 *
 * @throws ShapeError where the channels do not fit or the window is larger than the padded line.
 * @throws ValueError where a setting is out of its range, or `padding` is 'same' with a stride other than 1.
 */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  options: Conv1dOptions & { bias?: Tensor | undefined } = {},
): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1, bias } = options
  checkRank('conv1d', x.shape, [3], 'an input [N, C, L]')
  checkRank('conv1d', weight.shape, [3], 'a weight [out, in / groups, k]')
  checkChannels('conv1d', x.shape, weight.shape, groups, bias)
  // A line is a plane of one row.
  const settings = {
    stride: [1, stride] as const,
    padding: typeof padding === 'number' ? ([0, padding] as const) : padding,
    dilation: [1, dilation] as const,
    groups,
  }
  return convolve('conv1d', x.unsqueeze(2), weight.unsqueeze(2), settings, bias).squeeze(2)
}

declareComposed(
  'conv1d',
  (draw) => {
    const groups = draw.int(1, 2)
    const [perGroup, out] = [draw.size(3), draw.size(3) * groups]
    return {
      inputs: [
        { shape: [draw.size(3), perGroup * groups, 3 + draw.size(5)] },
        { shape: [out, perGroup, draw.int(1, 3)] },
        { shape: [out] },
      ],
      params: { stride: draw.int(1, 2), padding: draw.int(1, 2), dilation: draw.pick([1, 1, 2]), groups },
    }
  },
  ([x, weight, bias], options) => conv1d(x!, weight!, { ...options, bias }),
)
