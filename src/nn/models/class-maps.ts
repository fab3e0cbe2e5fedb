import type { Tensor } from '../../tensor.ts'

/**
 * Class activation maps of a classifier that is linear where it stands: weight [N, classes, C, H, W] (with 1 for N, H
 * and W where all samples or positions share it) and bias [N or 1, classes] make the logits of a map [N, C, H, W]. Each position's share of a logit, times
 * the number of positions, so that the mean over positions is the logit.
 * Zhou et al., "Learning deep features for discriminative localization", CVPR 2016, arXiv:1512.04150, eq. 1.
 */
export function classActivationMaps(map: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [, , height, width] = map.shape as [number, number, number, number]
  return weight
    .mul(map.unsqueeze(1))
    .sum(2)
    .mul(height * width)
    .add(bias.unsqueeze(-1).unsqueeze(-1))
}
