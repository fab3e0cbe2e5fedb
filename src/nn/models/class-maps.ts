import type { Tensor } from '../../tensor.ts'

// Class activation maps [N, classes, H, W] of a map [N, C, H, W]: each position's share of a logit, times the number of
// positions, so that the mean over positions is the logit.
// Zhou et al., "Learning deep features for discriminative localization", CVPR 2016, arXiv:1512.04150, eq. 1.

/**
 * Of a classifier that is linear where it stands: weight [N or 1, classes, C, H, W] and bias [N or 1, classes] make the
 * logits.
 */
export function classActivationMaps(map: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [, , height, width] = map.shape as [number, number, number, number]
  return weight
    .mul(map.unsqueeze(1))
    .sum(2)
    .mul(height * width)
    .add(bias.unsqueeze(-1).unsqueeze(-1))
}

/** Of a linear layer that reads the mean over positions: weight [N or 1, classes, C] and bias [N or 1, classes]. */
export const meanClassMaps = (map: Tensor, weight: Tensor, bias: Tensor): Tensor =>
  weight
    .matmul(map.flatten(2))
    .add(bias.unsqueeze(-1))
    .reshape([map.shape[0]!, weight.shape[1]!, ...map.shape.slice(2)])
