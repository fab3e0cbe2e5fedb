import { ShapeError, show } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'

/**
 * The channels of x [N, C, H, W], taken by turns from each of `groups` equal groups, as
 * `torch.nn.functional.channel_shuffle`.
 * Zhang et al., "ShuffleNet", CVPR 2018, arXiv:1707.01083, section 3.1.
 *
 * @throws ShapeError where x has other dims or the groups do not divide C.
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [, channels = 0] = x.shape
  if (x.rank !== 4 || channels % groups !== 0)
    throw new ShapeError(
      `channelShuffle: the groups do not fit, got ${groups} for ${show(x.shape)}. Expected [N, C, H, W] with a C that they divide.`,
    )
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return x
    .reshape([n, groups, c / groups, h, w])
    .transpose(1, 2)
    .reshape([n, c, h, w])
}
